"""``Prefer: wait=N`` (RFC 7240): how long a caller would rather wait than ask again."""

from __future__ import annotations

import re

WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def wait_seconds(header: str | None, limit: float) -> float | None:
    """Seconds to wait, at most ``limit``; None where nothing (or nonsense) is preferred."""
    match = WAIT.search(header or "")
    return min(float(match.group(1)), limit) if match else None


def applied(seconds: float | None) -> dict[str, str]:
    """The header that says which preference was honoured."""
    return {} if seconds is None else {"Preference-Applied": f"wait={seconds:g}"}
