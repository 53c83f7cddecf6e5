"""Options of commands that never load the network, and times as they are typed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]


def utc_time(text: str | None) -> datetime | None:
    """A time in ISO 8601, UTC where it has no zone; None where none is given.

    Raises:
        BadParameter: It is no such time.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"A time looks like 2026-07-01T12:00Z, not {text!r}.") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
