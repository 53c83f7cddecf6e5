"""Shelf: the models that are there and the roles they play, as anybody may read them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from echocast.model.errors import CheckpointError, RegistryError, UnknownModel
from echocast.model.registry.alias_file import ALIASES, aliases_in
from echocast.model.registry.history import History, HistoryEntry
from echocast.model.registry.manifest import MANIFEST, ModelCard, read_manifest
from echocast.model.registry.roles import CHAMPION
from echocast.model.registry.storage import Folder

SHIPPED = Path(__file__).parents[1] / "weights"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shelf:
    """The models below a root folder, and those that came with Echocast.

    Args:
        root: Folder of one's own models; need not exist.
        shipped: Folder of the shipped models, which is never written.
    """

    root: Path = SHIPPED
    shipped: Path = SHIPPED

    @property
    def _history(self) -> History:
        return History(Folder(self.root))

    def aliases(self) -> dict[str, str]:
        """Role -> ``name/version``; the shipped ones where no model of one's own serves.

        Raises:
            CheckpointError: There is no history yet, and the alias file is damaged.
        """
        return self._own_aliases() or aliases_in(self.shipped)

    def _own_aliases(self) -> dict[str, str]:
        """As the newest change says, whatever became of the alias file."""
        try:
            change = next(self._history.changes(), None)
        except RegistryError as error:
            log.error("%s The copy in %s holds.", error, ALIASES)
            change = None
        return dict((change and change.aliases) or aliases_in(self.root))

    def models(self) -> list[ModelCard]:
        """All versions of all models, by name and version; damaged ones are left out and logged."""
        places = {
            reference_of(path.parent): path.parent
            for root in (self.shipped, self.root)
            for path in root.glob(f"*/*/{MANIFEST}")
            if NAME.fullmatch(path.parent.parent.name)
        }
        aliases, cards = self.aliases(), []
        for _, directory in sorted(places.items()):
            try:
                cards.append(_card(directory, aliases))
            except CheckpointError as error:
                log.error("%s It is left out.", error)
        return cards

    def resolve(self, reference: str = CHAMPION) -> Path:
        """Directory of an alias or of ``name/version``.

        Raises:
            UnknownModel: There is none.
        """
        aliases = self.aliases()
        parts = aliases.get(reference, reference).split("/")
        if len(parts) == 2 and all(map(NAME.fullmatch, parts)):
            for root in (self.root, self.shipped):
                if (root.joinpath(*parts) / MANIFEST).is_file():
                    return root.joinpath(*parts)
        known = sorted([card.reference for card in self.models()] + list(aliases))
        raise UnknownModel(f"There is no model {reference[:140]!r}; known are {known}.")

    def reference(self, reference: str = CHAMPION) -> str:
        """``name/version`` of an alias, or of what is written so already.

        Raises:
            UnknownModel: There is no such model.
        """
        return reference_of(self.resolve(reference))

    def card(self, reference: str = CHAMPION) -> ModelCard:
        """The card of an alias or of ``name/version``.

        Raises:
            UnknownModel: There is no such model.
        """
        return _card(self.resolve(reference), self.aliases())

    def history(self) -> list[HistoryEntry]:
        """All that was done, oldest first; damaged entries are left out and logged."""
        return self._history.entries()

    def history_counts(self) -> dict[str, int]:
        """How many entries of each kind the history has."""
        return self._history.counts()

    def champion_since(self) -> tuple[str, datetime] | None:
        """The champion and when it began to serve; None where the history does not tell.

        Raises:
            RegistryError: An entry that tells it is damaged.
        """
        began: tuple[str, datetime] | None = None
        for change in self._history.changes():
            champion = (change.aliases or {}).get(CHAMPION)
            if champion is None or (began is not None and champion != began[0]):
                break
            began = champion, change.time
        return began

    def serving_at(self, time: datetime) -> str:
        """``name/version`` of the champion at a time.

        Raises:
            UnknownModel: The history begins later.
        """
        change = next(self._history.changes(time), None)
        if change is None or CHAMPION not in (change.aliases or {}):
            raise UnknownModel(
                f"Which model served at {time.isoformat()} is not known: the history begins later."
            )
        return (change.aliases or {})[CHAMPION]


def reference_of(directory: Path) -> str:
    """``name/version`` of a checkpoint directory."""
    return f"{directory.parent.name}/{directory.name}"


def _card(directory: Path, aliases: Mapping[str, str]) -> ModelCard:
    roles = sorted(role for role, at in aliases.items() if at == reference_of(directory))
    return ModelCard(directory.parent.name, directory.name, tuple(roles), read_manifest(directory))
