"""Registry: which models there are and which one serves: versions, roles, history. Torch-free.

<root>/<name>/<version>/model.safetensors   the weights
<root>/<name>/<version>/manifest.json       what they are and how they came to be
<root>/<name>/<version>/card.md             the same for people
<root>/history/<time>_<what>.json           what was done: who, when, why, on what scores
<root>/aliases.json                         the roles before the first entry, of shipped models

The newest change in the history says which roles hold, so that a promotion is one file that
appears. Where that file is damaged, the change before it holds, and the log says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from echocast.model.errors import (
    ModelError,
    RegistryChanged,
    RegistryConflict,
    RegistryError,
    short,
)
from echocast.model.registry import roles
from echocast.model.registry.gate import passed_over
from echocast.model.registry.history import (
    ALIAS,
    CHANGES,
    PROMOTE,
    ROLLBACK,
    START,
    History,
    HistoryEntry,
)
from echocast.model.registry.manifest import (
    ModelCard,
    amend,
    verify,
)
from echocast.model.registry.reader import NAME, SHIPPED, RegistryReader, first_roles
from echocast.model.registry.roles import CANARY, CHAMPION
from echocast.model.registry.storage import Folder

NO_FACTS: Final[Mapping[str, Any]] = MappingProxyType({})


class Registry:
    """Publishes models and gives them roles; writers of all processes take turns.

    Args:
        root: Folder of your models; made with the first change.
        shipped: Folder of the shipped models, which is never written.

    Attributes:
        reader: What is there.
    """

    def __init__(self, root: Path = SHIPPED, shipped: Path = SHIPPED) -> None:
        self.root, self.shipped = root, shipped
        self.reader = RegistryReader(root, shipped)

    @property
    def _history(self) -> History:
        return History(self._folder)

    @property
    def _folder(self) -> Folder:
        if self.root.resolve() == self.shipped.resolve():
            raise RegistryError(f"{self.root} holds the shipped models, which never change.")
        return Folder(self.root)

    def stage(self, name: str) -> Path:
        """A new folder to write a checkpoint to, which no reader sees; see :meth:`publish`.

        Raises:
            RegistryError: The root can't be written.
        """
        return self._folder.stage(_checked(name))

    def publish(self, staged: Path, name: str, version: str) -> ModelCard:
        """Publish a staged checkpoint as a version, in one step; versions never change.

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
        return self.reader.card(reference)

    def take_over(self, who: str) -> None:
        """Where no model serves yet, let the shipped champion serve.

        So does the shipped canary: the first released model, never changed, with which all later
        ones are compared.

        Raises:
            RegistryError: The root can't be written.
        """
        with self._folder.writing():
            if self.reader.own_roles():
                return
            shipped = first_roles(self.shipped)
            aliases = {role: shipped.get(role, shipped[CHAMPION]) for role in (CHAMPION, CANARY)}
            why = "No model served yet; the shipped ones serve from now on."
            self._change(START, who, why, aliases)

    def promote(
        self,
        reference: str,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
        expected: str | None = None,
        version: str | None = None,
        despite_gate: bool = False,
        dry_run: bool = False,
    ) -> HistoryEntry:
        """Let a model serve; the champion becomes the previous one.

        Args:
            reference: Alias or ``name/version``.
            who: Who asks for it.
            why: In a sentence.
            scores: What the decision rests on.
            expected: The champion that this replaces; None: whichever it is.
            version: Of the history that the decision rests on; None: whichever it is.
            despite_gate: Whether a model may serve that its retraining did not let pass.
            dry_run: Whether only to check, and give the entry that would be written.

        Raises:
            UnknownModel: There is no such model.
            RegistryConflict: It serves already or can't serve, did not pass the gate, or another
                champion was expected.
            RegistryChanged: The history has another version.
            RegistryError: The root can't be written.
        """
        with self._replacing(expected, version, dry_run=dry_run) as aliases:
            card = self.reader.card(reference)
            after = roles.promoted(aliases, card.reference)
            facts = passed_over(card.reference, card.manifest, despite=despite_gate)
            return self._change(PROMOTE, who, why, after, scores, facts, dry_run=dry_run)

    def rollback(
        self,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
        expected: str | None = None,
        dry_run: bool = False,
    ) -> HistoryEntry:
        """Let the previous model serve again; next time, the one before that.

        The arguments are those of :meth:`promote`.

        Raises:
            RegistryConflict: There is no previous model, it can't serve, or another champion was
                expected.
            RegistryError: The root can't be written.
        """
        with self._replacing(expected, dry_run=dry_run) as aliases:
            after = roles.rolled_back(aliases, self.reader.history())
            return self._change(ROLLBACK, who, why, after, scores, dry_run=dry_run)

    def set_alias(
        self,
        role: str,
        reference: str,
        *,
        who: str,
        why: str,
        scores: Mapping[str, Any] | None = None,
    ) -> HistoryEntry:
        """Give a model a role beside the champion's, e.g. ``challenger``.

        ``champion`` and ``previous`` come by promotion and rollback. The arguments are those of
        :meth:`promote`.

        Raises:
            UnknownModel: There is no such model.
            RegistryConflict: This role can't be given like this.
            RegistryError: The root can't be written.
        """
        with self._replacing() as aliases:
            after = roles.appointed(aliases, _checked(role), self.reader.reference(reference))
            return self._change(ALIAS, who, why, after, scores)

    def record(self, what: str, *, who: str, why: str, facts: Mapping[str, Any]) -> HistoryEntry:
        """Write an entry that changes no role, e.g. of a retraining and its verdict.

        Raises:
            RegistryConflict: ``what`` is the kind of a change of roles.
            RegistryError: The root can't be written.
        """
        if what in CHANGES:
            raise RegistryConflict(f"An entry {what!r} is written by what changes the aliases.")
        with self._folder.writing():
            return self._history.append(what, who, why, facts=dict(facts))

    @contextmanager
    def _replacing(
        self, champion: str | None = None, version: str | None = None, *, dry_run: bool = False
    ) -> Iterator[Mapping[str, str]]:
        """A context in which no other process writes; gives the roles.

        A dry run writes nothing, and waits for nobody.

        Args:
            champion: The model that must be champion; None: any.
            version: The version that the history must have; None: any.
            dry_run: Whether nothing is written.

        Raises:
            RegistryConflict: Another model is the champion.
            RegistryChanged: The history has another version than the expected one.
        """
        with nullcontext() if dry_run else self._folder.writing():
            if version is not None and version != (now := self.reader.version()):
                raise RegistryChanged(
                    f"The history of the models has the version {now} now, not {short(version)}:"
                    " something was done since. Read it again, then decide."
                )
            aliases = self.reader.roles().by_role
            roles.check_expected(aliases, champion)
            yield aliases

    def _change(
        self,
        what: str,
        who: str,
        why: str,
        aliases: Mapping[str, str],
        scores: Mapping[str, Any] | None = None,
        more_facts: Mapping[str, Any] = NO_FACTS,
        *,
        dry_run: bool = False,
    ) -> HistoryEntry:
        """Let other roles hold, by one new entry; in a dry run only check that they could."""
        own = self.reader.own_roles()
        before = own.by_role if own else {}
        changed = {
            role: {"from": before.get(role), "to": aliases.get(role)}
            for role in sorted({*before, *aliases})
            if before.get(role) != aliases.get(role)
        }
        if CHAMPION in changed:
            self._check_can_serve(aliases[CHAMPION])
        # The next version of Echocast may lack a shipped one.
        for model in set() if dry_run else set(aliases.values()):
            if (self.shipped / model).exists() and not (self.root / model).exists():
                self._folder.adopt_copy(self.shipped / model, model)
        facts = {"changed": changed, **more_facts}
        return self._history.append(
            what, who, why, facts=facts, scores=scores, aliases=dict(aliases), dry_run=dry_run
        )

    def _check_can_serve(self, model: str) -> None:
        """Check a future champion, as far as that is possible without running it.

        Raises:
            RegistryConflict: It would be refused by the workers.
        """
        try:
            verify(self.reader.resolve(model))
        except ModelError as error:
            raise RegistryConflict(f"{model} can't serve: {error}") from error


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
