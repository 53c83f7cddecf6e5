"""Roles: which models have them after a promotion, a rollback or an appointment; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from echocast.model.errors import RegistryConflict
from echocast.model.registry.history import ROLLBACK, HistoryEntry

CHAMPION, CHALLENGER, PREVIOUS, CANARY = "champion", "challenger", "previous", "canary"

Aliases = Mapping[str, str]


def promoted(aliases: Aliases, model: str) -> dict[str, str]:
    """After a promotion: the champion becomes the previous one, and nobody challenges itself.

    Raises:
        RegistryConflict: The model serves already.
    """
    champion = aliases.get(CHAMPION)
    if model == champion:
        raise RegistryConflict(f"{model} is the champion already.")
    others = {role: at for role, at in aliases.items() if (role, at) != (CHALLENGER, model)}
    return {**others, CHAMPION: model, **({PREVIOUS: champion} if champion else {})}


def rolled_back(aliases: Aliases, entries: Iterable[HistoryEntry]) -> dict[str, str]:
    """After a rollback: the previous champion serves, and before it came the one before that.

    Raises:
        RegistryConflict: There is no previous model.
    """
    if PREVIOUS not in aliases:
        raise RegistryConflict("There is no previous model to go back to.")
    others = {role: at for role, at in aliases.items() if role != PREVIOUS}
    before = champions(entries)[:-2]
    return {**others, CHAMPION: aliases[PREVIOUS], **({PREVIOUS: before[-1]} if before else {})}


def appointed(aliases: Aliases, role: str, model: str) -> dict[str, str]:
    """After a model was given a role beside the champion's.

    Raises:
        RegistryConflict: The role is not to be had like this.
    """
    if role in (CHAMPION, PREVIOUS):
        raise RegistryConflict(f"The {role} is made by a promotion or a rollback.")
    if role == CANARY and CANARY in aliases:
        raise RegistryConflict(f"The canary is {aliases[CANARY]}, and stays so.")
    return {**aliases, role: model}


def champions(entries: Iterable[HistoryEntry]) -> list[str]:
    """Who led to the champion of now, oldest first; what was rolled back is left out."""
    line: list[str] = []
    for entry in entries:
        if entry.aliases is None:
            continue
        if entry.what == ROLLBACK:
            line = line[:-1]
        for role in (CHAMPION,) if line else (PREVIOUS, CHAMPION):
            at = entry.aliases.get(role)
            if at is not None and line[-1:] != [at]:
                line.append(at)
    return line


def check_expected(aliases: Aliases, role: str, expected: str | None) -> None:
    """Make sure that nobody was quicker.

    Raises:
        RegistryConflict: Another model has the role than was expected.
    """
    found = aliases.get(role)
    if expected is not None and found != expected:
        raise RegistryConflict(f"The {role} is {found}, not {expected}; nothing was changed.")
