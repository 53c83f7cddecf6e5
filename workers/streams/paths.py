"""Where the files of a stream lie, and what their names say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from echocast.model.formats.stream_layout import (
    day_folder,
    stamp,
)
from echocast.workers.archive.files import Files

HASH_LENGTH = 16  # of a frame's hash in names
ASIDE = ".aside"


@dataclass(frozen=True)
class TimeSpan:
    """Times from ``first`` to ``last``, both included."""

    first: datetime
    last: datetime

    def days(self) -> Iterator[datetime]:
        """Every UTC day that the span touches, in order."""
        day = midnight(self.first)
        while day <= self.last:
            yield day
            day += timedelta(days=1)

    def __contains__(self, time: datetime) -> bool:
        return self.first <= time <= self.last


@dataclass(frozen=True, order=True)
class CountKey:
    """A forecast and the frame that shows what happened at one of its valid times.

    Args:
        valid_time: Of the frame, UTC.
        forecast_id: Which forecast.
        frame_sha: First digits of the frame's hash: another frame has other counts.
    """

    valid_time: datetime
    forecast_id: str
    frame_sha: str


def aside_path(stream: str, time: datetime) -> str:
    """What says that the frame of a time was set aside."""
    return f"{day_folder('frames', stream, time)}/{stamp(time)}{ASIDE}"


def day_folders(files: Files, root: str, *, newest_first: bool = False) -> Iterator[str]:
    """All ``yyyy/mm/dd`` folders below a root."""
    order = -1 if newest_first else 1
    for year in files.folders(root)[::order]:
        for month in files.folders(f"{root}/{year}")[::order]:
            for day in files.folders(f"{root}/{year}/{month}")[::order]:
                yield f"{root}/{year}/{month}/{day}"


def day_of(folder: str) -> datetime:
    """The day of a ``.../yyyy/mm/dd`` folder."""
    year, month, day = folder.split("/")[-3:]
    return datetime(int(year), int(month), int(day), tzinfo=UTC)


def midnight(time: datetime) -> datetime:
    """The beginning of a time's UTC day."""
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def encoded(value: Mapping[str, Any]) -> bytes:
    """JSON as it is stored: the same value gives the same bytes."""
    return json.dumps(value, allow_nan=False, sort_keys=True).encode()
