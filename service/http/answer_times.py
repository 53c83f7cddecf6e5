"""What an answer says of time: when to ask again, and what its sender's clock shows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3600.0  # that an agency can send us away for


def seconds_to_wait(headers: Mapping[str, str], now: datetime) -> float:
    """What ``Retry-After`` says, as seconds from now; 0 where it says nothing.

    Args:
        headers: Of the answer.
        now: Of the clock that the answer shows, UTC.
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_SECONDS)
    if (until := _date(text)) is None:
        return 0.0
    return min(max(0.0, (until - now).total_seconds()), LONGEST_SECONDS)


def time_of_answer(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was sent, by its sender's clock; None where it does not say."""
    age = headers.get("age", "0").strip()
    date = _date(headers.get("date", ""))
    return date + timedelta(seconds=int(age)) if date and age.isdecimal() else date


def _date(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, IndexError):
        time = parsedate_to_datetime(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return None
