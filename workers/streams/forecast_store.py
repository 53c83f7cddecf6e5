"""ForecastStore: the forecasts of streams, each with a description beside its file."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from echocast.model.atomic_files import FileDigest
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.model.formats.stream_layout import day_folder, stamp, time_of
from echocast.model.horizon import LeadSource
from echocast.model.verification.counts import CANARY, CHALLENGER
from echocast.workers.archive.damage import DAMAGE, DESCRIPTION, with_digest
from echocast.workers.archive.files import Entry, Files
from echocast.workers.archive.remembered import remembering
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.paths import TimeSpan, day_folders, encoded

UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
COMPARED = {CANARY, CHALLENGER}
REMEMBERED = 20_000  # descriptions at most, about two kilobytes each


@dataclass(frozen=True)
class IssuedForecast:
    """A forecast that a stream has issued; it never changes.

    Args:
        id: That of its job.
        stream: Name of the stream.
        forecast_reference_time: Valid time of the newest input frame, UTC.
        valid_times: What its frames depict, UTC.
        model_name: What made it: a model, ``extrapolation`` or ``persistence``.
        model_version: Its version.
        roles: As what it is scored: ``model``, ``canary``, ``challenger``, ``fallback``.
        quality: Notes for the reader: bridged frames, degradation.
        issued: When, by the clock of the worker, UTC.
        path: Its NetCDF file in the archive; the name says its size and SHA-256. Empty: the file
            was removed on purpose, and what was counted of it stands.
        reduced_to: What its file was reduced to when it was scored, and what was counted of it
            stands; None: all is there that is scored.
        lead_sources: What makes each lead, where a network does not make all of its leads; empty:
            one source makes them all.
    """

    id: str
    stream: str
    forecast_reference_time: datetime
    valid_times: tuple[datetime, ...]
    model_name: str
    model_version: str
    roles: tuple[str, ...]
    quality: Mapping[str, str]
    issued: datetime
    path: str = ""
    reduced_to: ForecastStorage | None = None
    lead_sources: tuple[str, ...] = ()

    def is_beyond_network(self, valid_time: datetime) -> bool:
        """Whether a lead follows those that the network made."""
        sources = dict(zip(self.valid_times, self.lead_sources, strict=False))
        return sources.get(valid_time, LeadSource.NETWORK) != LeadSource.NETWORK

    @property
    def countable(self) -> bool:
        """Whether its file holds all that is scored."""
        return bool(self.path) and self.reduced_to is None

    @property
    def served(self) -> bool:
        """False for canary and challenger, which are made for comparison only."""
        return not set(self.roles) <= COMPARED

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal description back."""
        value = asdict(self)
        del value["reduced_to"], value["lead_sources"]  # earlier versions know none
        return {
            **value,
            **({"reduced_to": self.reduced_to.to_json()} if self.reduced_to else {}),
            **({"lead_sources": list(self.lead_sources)} if self.lead_sources else {}),
            "forecast_reference_time": self.forecast_reference_time.isoformat(),
            "valid_times": [time.isoformat() for time in self.valid_times],
            "issued": self.issued.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The description that :meth:`to_json` wrote."""
        read, storage = datetime.fromisoformat, value.get("reduced_to")
        return cls(
            **{
                **value,
                "forecast_reference_time": read(value["forecast_reference_time"]),
                "valid_times": tuple(map(read, value["valid_times"])),
                "roles": tuple(value["roles"]),
                "lead_sources": tuple(value.get("lead_sources", ())),
                "issued": read(value["issued"]),
                "reduced_to": ForecastStorage.from_json(storage) if storage else None,
            }
        )


class ForecastStore:
    """Issued forecasts as files; safe to share among threads and processes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._remembered = remembering(REMEMBERED, self._read)

    def issue(self, issued: IssuedForecast, write: Callable[[Path], object]) -> IssuedForecast:
        """Write a forecast's file, then the description that makes it issued; what was issued.

        Where two workers forecast from the same time, the first one's forecast is issued: an issued
        forecast never changes, so that its scores stay true.
        """
        description = description_path(issued)
        earlier = self._read(description, "")
        if earlier is None:
            path = self._files.add(write, partial(_file_path, issued), ".nc")
            issued = replace(issued, path=path)
            content = encoded(issued.to_json())
            if self._files.create(description, content):
                return issued
            earlier = self._read(description, "")
            if earlier is None:  # a damaged one is there
                self._files.put(description, content)
                return issued
            self._files.delete(issued.path)
        return earlier

    def remove_file(self, issued: IssuedForecast) -> None:
        """Remove a forecast's file; the description stays and says that there is none any more.

        A process that ends in between leaves a file that :meth:`remove_leftovers` removes.
        """
        self._files.put(description_path(issued), encoded(replace(issued, path="").to_json()))
        self._files.delete(issued.path)

    def reduce_file(
        self,
        issued: IssuedForecast,
        storage: ForecastStorage,
        write: Callable[[Path, Path, ForecastStorage], object],
    ) -> None:
        """Put a file in the place of a forecast's, in which only that is left.

        Args:
            issued: The forecast.
            storage: What shall be left.
            write: Writes of one file what shall be left into another.

        A process that ends in between leaves a file that :meth:`remove_leftovers` removes.

        Raises:
            NotInArchive: The file is gone or damaged.
        """
        source = self.local_file(issued)
        path = self._files.add(
            lambda target: write(source, target, storage),
            partial(_file_path, issued),
            ".nc",
        )
        reduced = replace(issued, path=path, reduced_to=storage)
        self._files.put(description_path(issued), encoded(reduced.to_json()))
        self._files.delete(issued.path)

    def remove_leftovers(self, folder: str) -> None:
        """Remove files of a day that are not the ones that the descriptions name any more."""
        current = {issued.id: issued.path for issued in self.on_day(folder) if not issued.countable}
        entries = self._files.listing(folder) if current else ()
        for path in (entry.path for entry in entries if entry.name.endswith(".nc")):
            if current.get(path.rpartition("/")[2].split("_")[2], path) != path:
                self._files.delete(path)

    def find(self, stream: str, reference: datetime, job_id: str) -> IssuedForecast | None:
        """The forecast of a job as it is now; None where it is not issued."""
        issued = self.listing(stream, TimeSpan(reference, reference))
        return next((one for one in issued if one.id == job_id), None)

    def listing(self, stream: str, span: TimeSpan) -> list[IssuedForecast]:
        """Forecasts whose reference times lie in a span, oldest first."""
        read = (
            self._remembered(entry.path, entry.version)
            for day in span.days()
            for entry in self._descriptions(day_folder("forecasts", stream, day))
            if time_of(entry.name) in span
        )
        return [issued for issued in read if issued is not None]

    def latest(self, stream: str) -> IssuedForecast | None:
        """The served forecast of the newest reference time, None before the first."""
        return next(self.newest_first(stream), None)

    def newest_first(self, stream: str) -> Iterator[IssuedForecast]:
        """The served forecasts of a stream."""
        for folder in day_folders(self._files, f"forecasts/{stream}", newest_first=True):
            for entry in reversed(self._descriptions(folder)):
                if _role(entry):  # made for comparison only: not even read
                    continue
                issued = self._remembered(entry.path, entry.version)
                if issued is not None and issued.path:
                    yield issued

    def on_day(self, folder: str) -> list[IssuedForecast]:
        """Forecasts of a day's folder, oldest first."""
        entries = self._descriptions(folder)
        read = (self._remembered(entry.path, entry.version) for entry in entries)
        return [issued for issued in read if issued is not None]

    def compared(self, stream: str) -> set[str]:
        """Roles that forecast beside what is served, on the newest day with forecasts."""
        for folder in day_folders(self._files, f"forecasts/{stream}", newest_first=True):
            return {role for entry in self._descriptions(folder) if (role := _role(entry))}
        return set()

    def local_file(self, issued: IssuedForecast) -> Path:
        """A local copy of a forecast's file.

        Raises:
            NotInArchive: It was removed.
            ArchiveDamaged: It is damaged.
        """
        return self._files.local(issued.path)

    def _descriptions(self, folder: str) -> list[Entry]:
        return [entry for entry in self._files.listing(folder) if entry.name.endswith(".json")]

    def _read(self, path: str, version: str) -> IssuedForecast | None:
        """The forecast that a description issues; None where there is none, or a damaged one."""
        try:
            return IssuedForecast.from_json(json.loads(self._files.get(path)))
        except NotInArchive:
            return None
        except (ValueError, KeyError, TypeError) as error:
            DAMAGE.report(DESCRIPTION, path, f"It describes no forecast: {error}.", version)
            return None


def description_path(issued: IssuedForecast) -> str:
    """Where the description lies: one served forecast, and one canary, for each reference time."""
    return f"{_place(issued)}{'' if issued.served else '_' + issued.roles[0]}.json"


def _role(entry: Entry) -> str:
    """As what a described forecast is compared; empty for a served one."""
    return entry.name.removesuffix(".json").partition("_")[2]


def _file_path(issued: IssuedForecast, digest: FileDigest) -> str:
    """A new place for the forecast's file: who issues second must not touch the first one's."""
    model = UNSAFE.sub("-", f"{issued.model_name}-{issued.model_version}")
    stem = f"{_place(issued)}_{model}_{issued.id}_{uuid.uuid4().hex[:8]}"
    return with_digest(stem, digest, ".nc")


def _place(issued: IssuedForecast) -> str:
    reference = issued.forecast_reference_time
    return f"{day_folder('forecasts', issued.stream, reference)}/{stamp(reference)}"
