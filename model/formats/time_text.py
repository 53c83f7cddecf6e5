"""Times as text: as files of agencies state them, and as ours and JSON write them."""

from __future__ import annotations

from datetime import UTC, datetime

from echocast.model.errors import ContractViolation, short

EXAMPLE = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)


def stated_time(words: str, form: str, name: str, where: str) -> datetime:
    """A time, as UTC.

    Args:
        words: As the file has it.
        form: Its form, in codes of strftime.
        name: How the file calls it.
        where: Names the file in messages.

    Raises:
        ContractViolation: It is none.
    """
    try:
        return datetime.strptime(words, form).replace(tzinfo=UTC)
    except ValueError as error:
        raise ContractViolation(
            f"{name} of {where} must be like {EXAMPLE.strftime(form)}, but is {short(words)!r}.",
            rule="time-units",
        ) from error


def iso_text(time: datetime) -> str:
    """A time in UTC as ISO 8601 writes it, with a Z."""
    return time.isoformat().replace("+00:00", "Z")
