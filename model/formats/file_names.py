"""What a file's name says: its time, where the file holds none; and names of others, made safe."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from echocast.model.errors import ContractViolation, short

LONGEST_NAME = 100  # characters
_STAMP = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})[-_]?([01][0-9])[-_]?([0-3][0-9])[T_@-]?"
    r"([0-2][0-9])[:_-]?([0-5][0-9])(?:[:_-]?([0-5][0-9]))?(?![0-9])"
)


def time_in_name(path: Path) -> tuple[datetime, dict[str, str]]:
    """The only time in a file's name, as UTC, and a note that says so.

    Args:
        path: The file, under the name that its writer gave it.

    Raises:
        ContractViolation: The name has no time, or several different ones.
    """
    times = {time_of(match) for match in _STAMP.finditer(path.name)} - {None}
    if len(times) != 1:
        raise ContractViolation(
            f"{short(path.name)} does not say when its image is valid: the file holds no time, and"
            f" its name {'has several' if times else 'none'}. Put the time in UTC into the name,"
            " such as 20260701T1205.",
            rule="time-missing",
        )
    time = times.pop()
    assert time is not None
    return time, {"time": "Times were read from the files' names, as UTC."}


def safe_name(name: str) -> str:
    """A caller's name of a file, without folders and odd characters: safe to show and to use."""
    plain = re.sub(r"[^\w.@+-]", "_", re.split(r"[/\\]", name)[-1], flags=re.ASCII)
    return plain[-LONGEST_NAME:].lstrip(".") or "file"


def time_of(match: re.Match[str]) -> datetime | None:
    """Year, month, day, hour, minute and perhaps second as UTC; None where they are no time."""
    parts = [int(part or 0) for part in match.groups()]
    try:
        return datetime(*parts[:6], tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
