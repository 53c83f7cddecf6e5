"""A trial of a source: one image, fetched and read, and how long each part took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from echocast.service.sources.errors import ImageMissing
from echocast.service.sources.listing import Available, Call, available, image_call
from echocast.service.sources.source import RadarSource

LOOK_BACK = timedelta(minutes=30)  # beyond the usual latency, or three steps
MOST_ATTEMPTS = 6  # at images of a source by its clock, which may not be there


class Agency(Protocol):
    """What fetches from an agency."""

    def get(self, call: Call) -> bytes:
        """The answer to a call."""

    def download(self, call: Call, path: Path) -> None:
        """Write the answer to a call to a file."""


@dataclass(frozen=True)
class Trial:
    """One image of a source.

    Args:
        listed: How many images of the time looked at the source has, or should have by its clock.
        image: The newest that is there.
        path: Its file.
        seconds: How long each part took.
    """

    listed: int
    image: Available
    path: Path
    seconds: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "listed": self.listed,
            "time": self.image.time.isoformat(),
            "url": self.image.url,
            "bytes": self.path.stat().st_size,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def try_source(source: RadarSource, agency: Agency, folder: Path, now: datetime) -> Trial:
    """Fetch the newest image of a source.

    Args:
        source: Whose image.
        agency: Fetches; checks addresses and sizes.
        folder: Where the image is written.
        now: The time, UTC.

    Raises:
        ImageMissing: No image of the last half hour or so is there.
        SourceError: The agency's answers are not what the source says.
    """
    since = now - source.latency - max(LOOK_BACK, 3 * source.step)
    started = time.monotonic()
    images = available(source, agency.get, since, now)
    listing = time.monotonic() - started
    for image in images[: -MOST_ATTEMPTS - 1 : -1]:
        path, started = folder / image.name(source), time.monotonic()
        try:
            agency.download(image_call(source, image, agency.get), path)
        except ImageMissing:
            continue
        seconds = {"list": listing, "fetch": time.monotonic() - started}
        return Trial(len(images), image, path, seconds)
    raise ImageMissing(
        f"{source.name} has no image of {since:%Y-%m-%d %H:%M} to {now:%H:%M} UTC:"
        f" {len(images)} listed, none of the newest {MOST_ATTEMPTS} is there."
    )
