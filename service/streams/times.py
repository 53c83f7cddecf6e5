"""Times that callers send."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(time: datetime) -> datetime:
    """A time in UTC; one without zone is taken for it."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
