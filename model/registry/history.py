"""History: what was done to the models, one file for each action; none of them ever changes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from echocast.model.errors import RegistryError
from echocast.model.registry.storage import Folder

FOLDER = "history"
ENTRY = re.compile(r"\d{8}T\d{6}\.\d{6}Z_[a-z-]+\.json")
WHAT = re.compile(r"[a-z][a-z-]{0,31}")
START, PROMOTE, ROLLBACK, ALIAS = "start", "promote", "rollback", "alias"
NEW_CHAMPION = (START, PROMOTE, ROLLBACK)
CHANGES = (*NEW_CHAMPION, ALIAS)  # after these, other roles hold
log = logging.getLogger(__name__)
STAMP = "%Y%m%dT%H%M%S.%fZ"
LAST = "9"  # later than any stamp


@dataclass(frozen=True)
class HistoryEntry:
    """One action on the registry.

    Args:
        time: When, UTC; later than that of every earlier entry.
        what: ``start``, ``promote``, ``rollback``, ``alias``, which change roles; or another word,
            e.g. ``retrain``.
        who: Who did it: a person, an API key, a job.
        why: In a sentence.
        facts: What belongs to it, as JSON.
        scores: What the decision rests on.
        aliases: Role -> ``name/version`` from then on; None where that did not change.
    """

    time: datetime
    what: str
    who: str
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] | None = None
    aliases: Mapping[str, str] | None = None

    @property
    def file_name(self) -> str:
        """``<time>_<what>.json``."""
        return f"{self.time:{STAMP}}_{self.what}.json"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal entry back."""
        return {**asdict(self), "time": self.time.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The entry that :meth:`to_json` described; fields of later versions are ignored."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        return cls(**{**known, "time": datetime.fromisoformat(value["time"])})


class History:
    """The entries below a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def entries(self) -> list[HistoryEntry]:
        """All entries, oldest first; damaged ones are left out and logged."""
        return list(self._intact(self._names()))

    def changes(self, until: datetime | None = None) -> Iterator[HistoryEntry]:
        """The changes of roles up to a time, newest first; damaged ones are left out and logged."""
        return self._intact(self._changes(until))

    def change_at(self, time: datetime) -> HistoryEntry | None:
        """The change of roles that held at a time; None where the history begins later.

        Raises:
            RegistryError: It is damaged.
        """
        name = next(self._changes(time), None)
        return None if name is None else self._read(name)

    def version(self) -> str:
        """What differs once anything was done: the stamp of the newest entry; ``0`` before one."""
        names = self._names()
        return names[-1].partition("_")[0] if names else "0"

    def counts(self) -> dict[str, int]:
        """How many entries there are of each kind."""
        kinds = [_what(name) for name in self._names()]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def append(
        self, what: str, who: str, why: str, *, dry_run: bool = False, **more: Any
    ) -> HistoryEntry:
        """Write an entry, later than all others; for a writer that holds the folder's lock.

        In a dry run nothing is written; the entry is the one that would have been.

        Raises:
            RegistryError: There can't be such a kind of entry, or a fact of it is no JSON.
        """
        if not WHAT.fullmatch(what):
            raise RegistryError(
                f"A history entry is named by lower-case letters and '-', not {what[:40]!r}."
            )
        entry = HistoryEntry(self._next_time(), what, who, why, **more)
        try:
            content = json.dumps(entry.to_json(), indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise RegistryError(f"The entry {what!r} can't be written as JSON: {error}.") from None
        if not dry_run:
            self._folder.write(f"{FOLDER}/{entry.file_name}", content.encode())
        return entry

    def _next_time(self) -> datetime:
        """Now; or just after the newest entry, where a clock went back."""
        now, names = datetime.now(UTC), self._names()
        return max(now, _time(names[-1]) + timedelta(microseconds=1)) if names else now

    def _names(self) -> Sequence[str]:
        return [name for name in self._folder.names(FOLDER) if ENTRY.fullmatch(name)]

    def _changes(self, until: datetime | None) -> Iterator[str]:
        """Names of the changes of roles up to a time, newest first."""
        last = f"{until.astimezone(UTC):{STAMP}}" if until else LAST
        for name in reversed(self._names()):
            if _what(name) in CHANGES and name.partition("_")[0] <= last:
                yield name

    def _intact(self, names: Iterable[str]) -> Iterator[HistoryEntry]:
        for name in names:
            try:
                yield self._read(name)
            except RegistryError as error:
                log.error("%s It is left out.", error)

    def _read(self, name: str) -> HistoryEntry:
        content = self._folder.read(f"{FOLDER}/{name}")
        try:
            return HistoryEntry.from_json(json.loads(content or b""))
        except (ValueError, KeyError, TypeError) as error:
            place = self._folder.root / FOLDER / name
            raise RegistryError(f"{place} is damaged: {error}.") from None


def _time(name: str) -> datetime:
    return datetime.strptime(name.partition("_")[0], STAMP).replace(tzinfo=UTC)


def _what(name: str) -> str:
    return name.partition("_")[2].removesuffix(".json")
