"""Roles: which models have them now, and after a promotion, a rollback or an appointment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from echocast.model.errors import RegistryConflict, UnknownModel
from echocast.model.registry.history import ROLLBACK, HistoryEntry

CHAMPION, CHALLENGER, PREVIOUS, CANARY = "champion", "challenger", "previous", "canary"

Aliases = Mapping[str, str]


@dataclass(frozen=True)
class Roles:
    """Which model has which role, as one look at the registry showed it.

    Args:
        by_role: Role -> ``name/version``.
        champion_since: When the champion began to serve; None where the history does not say.
    """

    by_role: Aliases
    champion_since: datetime | None = None

    @property
    def champion(self) -> str:
        """The model that serves.

        Raises:
            UnknownModel: None does.
        """
        if CHAMPION not in self.by_role:
            raise UnknownModel("No model has the role of the champion.")
        return self.by_role[CHAMPION]

    @property
    def challenger(self) -> str | None:
        """The model that may replace the champion."""
        return self.by_role.get(CHALLENGER)

    @property
    def previous(self) -> str | None:
        """The model that served before the champion; a rollback lets it serve again."""
        return self.by_role.get(PREVIOUS)

    @property
    def canary(self) -> str | None:
        """The model that is never changed, with which all others are compared."""
        return self.by_role.get(CANARY)


def promoted(aliases: Aliases, model: str) -> dict[str, str]:
    """After a promotion: the champion becomes the previous one; the model is challenger no more.

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
        RegistryConflict: This role can't be given like this.
    """
    if role in (CHAMPION, PREVIOUS):
        raise RegistryConflict(f"The {role} is made by a promotion or a rollback.")
    if role == CANARY and CANARY in aliases:
        raise RegistryConflict(f"The canary is {aliases[CANARY]}, and stays so.")
    return {**aliases, role: model}


def champions(entries: Iterable[HistoryEntry]) -> list[str]:
    """The champions up to the present one, oldest first; those rolled back are left out."""
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


def check_expected(aliases: Aliases, expected: str | None) -> None:
    """Refuse a change that another one was made before.

    Raises:
        RegistryConflict: Another model is the champion than was expected.
    """
    current = aliases.get(CHAMPION)
    if expected is not None and current != expected:
        raise RegistryConflict(f"The champion is {current}, not {expected}; nothing was changed.")
