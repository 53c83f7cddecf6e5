"""Where the frames of streams lie in an archive, and what a name alone says."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from echocast.model.errors import ContractViolation

TIME = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def check_name(stream: str) -> None:
    """Check that the name of a stream may stand in paths and labels.

    Raises:
        ContractViolation: It may not.
    """
    if not NAME.fullmatch(stream):
        raise ContractViolation(
            "A stream's name has 1 to 64 lower-case letters, digits, '-' and '_' and starts with a"
            f" letter or digit; {stream[:80]!r} does not.",
            rule="stream-name",
        )


def declaration_path(stream: str) -> str:
    """Where a stream's declaration lies."""
    return f"streams/{stream}/stream.json"


def origin_path(stream: str) -> str:
    """Where the grid and the phase of a stream's first frame are stored."""
    return f"streams/{stream}/origin.json"


def frame_path(stream: str, time: datetime) -> str:
    """Where the frame of a time lies."""
    return f"{day_folder('frames', stream, time)}/{stamp(time)}.npz"


def day_folder(kind: str, stream: str, day: datetime) -> str:
    """Folder of a day's frames or forecasts."""
    return f"{kind}/{stream}/{day.astimezone(UTC):%Y/%m/%d}"


def stamp(time: datetime) -> str:
    """A time as it is written in names."""
    return time.astimezone(UTC).strftime(TIME)


def time_of(text: str) -> datetime:
    """The time at the start of a name."""
    return datetime.fromisoformat(text[:16])
