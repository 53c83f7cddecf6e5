"""RegistryReader: the models that are there and the roles they have, for everybody to read."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from pathlib import Path

from echocast.model.errors import CheckpointError, UnknownModel
from echocast.model.network.config import NetworkConfig
from echocast.model.registry.history import NEW_CHAMPION, History, HistoryEntry
from echocast.model.registry.manifest import MANIFEST, ModelCard, network_config, read_manifest
from echocast.model.registry.roles import CHAMPION, Roles
from echocast.model.registry.storage import ABSENT, Folder

SHIPPED = Path(__file__).parents[1] / "weights"
FIRST_ROLES = "aliases.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegistryReader:
    """The models below a root folder, and those that came with Echocast.

    Args:
        root: Folder of your models; need not exist.
        shipped: Folder of the shipped models, which is never written.
    """

    root: Path = SHIPPED
    shipped: Path = SHIPPED

    @property
    def _history(self) -> History:
        return History(Folder(self.root))

    def roles(self) -> Roles:
        """Which model has which role now, read at once; the shipped ones where there are no others.

        Raises:
            CheckpointError: There is no history yet, and the file of the first roles is damaged.
        """
        return self.own_roles() or Roles(first_roles(self.shipped))

    def own_roles(self) -> Roles | None:
        """As the newest change of the history says, or before the first one a file; else None."""
        changes = self._history.changes()
        for newest in changes:
            champions = (e.time for e in chain([newest], changes) if e.what in NEW_CHAMPION)
            return Roles(newest.aliases or {}, next(champions, None))
        first = first_roles(self.root)
        return Roles(first) if first else None

    def models(self) -> list[ModelCard]:
        """All versions of all models, by name and version; damaged ones are left out and logged."""
        places = {
            reference_of(path.parent): path.parent
            for root in (self.shipped, self.root)
            for path in root.glob(f"*/*/{MANIFEST}")
            if NAME.fullmatch(path.parent.parent.name)
        }
        by_role, cards = self.roles().by_role, []
        for _, directory in sorted(places.items()):
            try:
                cards.append(_card(directory, by_role))
            except CheckpointError as error:
                log.error("%s It is left out.", error)
        return cards

    def directory(self, reference: str) -> Path | None:
        """Folder of ``name/version``; None where there is no such model."""
        parts = reference.split("/")
        if len(parts) == 2 and all(map(NAME.fullmatch, parts)):
            for root in (self.root, self.shipped):
                if (root.joinpath(*parts) / MANIFEST).is_file():
                    return root.joinpath(*parts)
        return None

    def resolve(self, reference: str = CHAMPION) -> Path:
        """Folder of a role's model or of ``name/version``.

        Raises:
            UnknownModel: There is none.
        """
        by_role = self.roles().by_role
        if directory := self.directory(by_role.get(reference, reference)):
            return directory
        known = sorted([card.reference for card in self.models()] + list(by_role))
        raise UnknownModel(f"There is no model {reference[:140]!r}; known are {known}.")

    def reference(self, reference: str = CHAMPION) -> str:
        """``name/version`` of a role's model, or of what is written so already.

        Raises:
            UnknownModel: There is no such model.
        """
        return reference_of(self.resolve(reference))

    def card(self, reference: str = CHAMPION) -> ModelCard:
        """The card of a role's model or of ``name/version``.

        Raises:
            UnknownModel: There is no such model.
        """
        return _card(self.resolve(reference), self.roles().by_role)

    def network(self, reference: str = CHAMPION) -> NetworkConfig:
        """Configuration of the network of a role's model or of ``name/version``.

        Raises:
            UnknownModel: There is no such model.
            ModelError: This version of Echocast has no such network.
        """
        return network_config(read_manifest(self.directory(reference) or self.resolve(reference)))

    def history(self) -> list[HistoryEntry]:
        """All that was done, oldest first; damaged entries are left out and logged."""
        return self._history.entries()

    def version(self) -> str:
        """Of the history: another one after each entry."""
        return self._history.version()

    def history_counts(self) -> dict[str, int]:
        """How many entries of each kind the history has."""
        return self._history.counts()

    def champion_changes(self, after: datetime | None = None) -> list[datetime]:
        """When another model became champion than served before, the newest time first.

        Args:
            after: Only what changed later than it; entries before it are not read. None: all.
        """
        changes = ((c.time, (c.aliases or {}).get(CHAMPION)) for c in self._history.changes())
        times = []
        for (time, champion), (_, before) in pairwise(changes):
            if after is not None and time <= after:
                break
            if champion != before:
                times.append(time)
        return times

    def serving_at(self, time: datetime) -> str:
        """``name/version`` of the champion at a time.

        Raises:
            UnknownModel: The history begins later.
            RegistryError: The entry that says it is damaged.
        """
        change = self._history.change_at(time)
        if change is None or CHAMPION not in (change.aliases or {}):
            raise UnknownModel(
                f"Which model served at {time.isoformat()} is not known: the history begins later."
            )
        return (change.aliases or {})[CHAMPION]


def first_roles(root: Path) -> dict[str, str]:
    """The roles in a folder whose history is empty, as those of the shipped models; or none.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = root / FIRST_ROLES
    try:
        by_role: dict[str, str] = json.loads(path.read_text())
    except ABSENT:
        return {}
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    if not isinstance(by_role, dict) or not all(isinstance(at, str) for at in by_role.values()):
        raise CheckpointError(f"{path} is damaged: it holds no names of models by role.")
    return by_role


def reference_of(directory: Path) -> str:
    """``name/version`` of a checkpoint directory."""
    return f"{directory.parent.name}/{directory.name}"


def _card(directory: Path, by_role: Mapping[str, str]) -> ModelCard:
    roles = sorted(role for role, at in by_role.items() if at == reference_of(directory))
    return ModelCard(directory.parent.name, directory.name, tuple(roles), read_manifest(directory))
