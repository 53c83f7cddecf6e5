"""Which models there are and which one serves: versions, roles, history. Torch-free.

<root>/<name>/<version>/model.safetensors   the weights
<root>/<name>/<version>/manifest.json       what they are and how they came to be
<root>/<name>/<version>/card.md             the same for people
<root>/history/<time>_<what>.json           what was done: who, when, why, on what scores
<root>/aliases.json                         {"champion": "<name>/<version>", ...}

The newest change in the history says which aliases hold, so that a promotion is one file that
appears. ``aliases.json`` is a copy of it for people; it rules only while no change was made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echocast.model.errors import ModelError, RegistryConflict, RegistryError
from echocast.model.registry import roles
from echocast.model.registry.alias_file import aliases_in, difference, write_aliases
from echocast.model.registry.catalogue import NAME, SHIPPED, Shelf
from echocast.model.registry.history import ALIAS, CHANGES, PROMOTE, ROLLBACK, START, HistoryEntry
from echocast.model.registry.manifest import (
    MANIFEST,
    WEIGHTS,
    ModelCard,
    amend,
    read_manifest,
    verify,
)
from echocast.model.registry.roles import CANARY, CHALLENGER, CHAMPION, PREVIOUS
from echocast.model.registry.storage import Folder

MENDED = "mend"

log = logging.getLogger(__name__)
__all__ = [
    "CANARY",
    "CHALLENGER",
    "CHAMPION",
    "MANIFEST",
    "PREVIOUS",
    "SHIPPED",
    "WEIGHTS",
    "HistoryEntry",
    "ModelCard",
    "Registry",
    "read_manifest",
]


class Registry(Shelf):
    """The shelf for those who put models on it and give them roles, one after the other."""

    @property
    def _folder(self) -> Folder:
        if self.root.resolve() == self.shipped.resolve():
            raise RegistryError(f"{self.root} holds the shipped models, which never change.")
        return Folder(self.root)

    def stage(self, name: str) -> Path:
        """A new folder to write a checkpoint to, out of everybody's sight; see :meth:`publish`.

        Raises:
            RegistryError: The root can't be written.
        """
        return self._folder.stage(_checked(name))

    def publish(self, staged: Path, name: str, version: str) -> ModelCard:
        """Let a staged checkpoint appear as a version, at once and for ever.

        Raises:
            RegistryConflict: There is that version already.
            RegistryError: The root can't be written.
            CheckpointError: What is staged is no checkpoint.
        """
        reference = f"{_checked(name)}/{_checked(version)}"
        verify(staged)
        with self._folder.writing():
            if any((root / reference).exists() for root in (self.root, self.shipped)):
                raise RegistryConflict(f"There is a model {reference} already; versions are final.")
            amend(staged, {"name": name, "version": version})
            self._folder.adopt(staged, reference)
        return self.card(reference)

    def take_over(self, who: str) -> None:
        """Where no model serves yet, take over the shipped champion; and mend the alias file.

        The shipped canary comes along: the first released model, frozen, with which all later ones
        are compared.

        Raises:
            RegistryError: The root can't be written.
        """
        with self._folder.writing():
            self._mend(who)
            if self._own_aliases():
                return
            shipped = aliases_in(self.shipped)
            aliases = {role: shipped.get(role, shipped[CHAMPION]) for role in (CHAMPION, CANARY)}
            why = "No model served yet; the shipped ones were taken over."
            self._change(START, who, why, aliases)

    def promote(
        self,
        reference: str,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
        expected: str | None = None,
    ) -> HistoryEntry:
        """Let a model serve; the champion becomes the previous one.

        Args:
            reference: Alias or ``name/version``.
            who: Who wants it.
            why: In a sentence.
            scores: What the decision rests on.
            expected: The champion that this replaces; None: whichever it is.

        Raises:
            UnknownModel: There is no such model.
            RegistryConflict: It serves already or can't serve, or another champion was expected.
            RegistryError: The root can't be written.
        """
        with self._replacing(CHAMPION, expected) as aliases:
            after = roles.promoted(aliases, self.reference(reference))
            return self._change(PROMOTE, who, why, after, scores)

    def rollback(
        self,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
        expected: str | None = None,
    ) -> HistoryEntry:
        """Let the previous model serve again; next time, the one before that.

        The arguments are those of :meth:`promote`.

        Raises:
            RegistryConflict: There is no previous model, it can't serve, or another champion was
                expected.
            RegistryError: The root can't be written.
        """
        with self._replacing(CHAMPION, expected) as aliases:
            after = roles.rolled_back(aliases, self.history())
            return self._change(ROLLBACK, who, why, after, scores)

    def set_alias(
        self,
        role: str,
        reference: str,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
        expected: str | None = None,
    ) -> HistoryEntry:
        """Give a model a role beside the champion's, e.g. ``challenger``.

        ``champion`` and ``previous`` come by promotion and rollback. The arguments are those of
        :meth:`promote`; ``expected`` is the model that has the role.

        Raises:
            UnknownModel: There is no such model.
            RegistryConflict: The role is not to be had like this, or another model was expected.
            RegistryError: The root can't be written.
        """
        with self._replacing(role, expected) as aliases:
            after = roles.appointed(aliases, _checked(role), self.reference(reference))
            return self._change(ALIAS, who, why, after, scores)

    def record(self, what: str, *, who: str, why: str, facts: Mapping[str, Any]) -> HistoryEntry:
        """Keep a deed that changes no alias, e.g. a retraining and its verdict.

        Raises:
            RegistryConflict: ``what`` stands for a change of aliases.
            RegistryError: The root can't be written.
        """
        if what in CHANGES:
            raise RegistryConflict(f"An entry {what!r} is written by what changes the aliases.")
        with self._folder.writing():
            return self._history.append(what, who, why, facts=dict(facts))

    @contextmanager
    def _replacing(self, role: str, expected: str | None) -> Iterator[dict[str, str]]:
        """A context in which nobody else writes; the aliases, if a role is as it was expected.

        Raises:
            RegistryConflict: Another model than the expected one has the role.
        """
        with self._folder.writing():
            aliases = self.aliases()
            roles.check_expected(aliases, role, expected)
            yield aliases

    def _change(
        self,
        what: str,
        who: str,
        why: str,
        aliases: Mapping[str, str],
        scores: Mapping[str, Any] | None = None,
    ) -> HistoryEntry:
        """Let other aliases hold: the entry decides, the alias file follows."""
        before = self._own_aliases()
        changed = {
            role: {"from": before.get(role), "to": aliases.get(role)}
            for role in sorted({*before, *aliases})
            if before.get(role) != aliases.get(role)
        }
        if CHAMPION in changed:
            self._check_can_serve(aliases[CHAMPION])
        for model in set(aliases.values()):  # the next version of Echocast may lack a shipped one
            if (self.shipped / model).exists() and not (self.root / model).exists():
                self._folder.adopt_copy(self.shipped / model, model)
        facts = {"changed": changed}
        entry = self._history.append(
            what, who, why, facts=facts, scores=scores, aliases=dict(aliases)
        )
        write_aliases(self._folder, aliases)
        return entry

    def _check_can_serve(self, model: str) -> None:
        """What can be told of a champion-to-be without running it.

        Raises:
            RegistryConflict: It would be refused by the workers.
        """
        try:
            verify(self.resolve(model))
        except ModelError as error:
            raise RegistryConflict(f"{model} can't serve: {error}") from error

    def _mend(self, who: str) -> None:
        """Make the alias file again where it is not what the history says, and say so."""
        try:
            change = next(self._history.changes(), None)
        except RegistryError:
            return  # the copy is all there is
        if change is None or change.aliases is None:
            return
        if problem := difference(self.root, change.aliases):
            why = f"{problem}; it was made again from the history."
            log.warning("%s", why)
            write_aliases(self._folder, change.aliases)
            self._history.append(MENDED, who, why)


def _checked(name: str) -> str:
    """A name that may be that of a folder.

    Raises:
        RegistryError: It may not.
    """
    if not NAME.fullmatch(name):
        raise RegistryError(
            "Names of models, versions and roles have 1 to 64 letters, digits and '._+-' and start"
            f" with a letter or digit; {name[:80]!r} does not."
        )
    return name
