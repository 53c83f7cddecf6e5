"""Wording: the language and the time zone of a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from importlib import resources
from typing import Final, Literal
from zoneinfo import ZoneInfo

from echocast.model.errors import ContractViolation, short
from echocast.service.http.formats import by_preference

Language = Literal["en", "de", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "fr")
DECIMAL_COMMA: Final = ("de", "fr")


@cache
def texts(language: Language) -> Mapping[str, str]:
    """The texts of a language by their names."""
    file = resources.files(__package__) / "texts" / f"{language}.json"
    read: dict[str, str] = json.loads(file.read_text("utf-8"))
    return read


def preferred_language(named: Language | None, accepted: str | None) -> Language:
    """The language that is named, else the one that ``Accept-Language`` prefers, else English."""
    if named is not None:
        return named
    for language_range in by_preference(accepted or ""):
        if (tongue := language_range.partition("-")[0]) in LANGUAGES:
            return tongue
    return "en"


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of a name, such as ``Europe/Zurich``; None for none.

    Raises:
        ContractViolation: There is no such zone.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ContractViolation(
            f"tz is the name of a time zone, such as Europe/Zurich, not {short(name)!r}.",
            rule="time-zone",
        ) from error


@dataclass(frozen=True)
class Wording:
    """How a person is spoken to.

    Args:
        language: Theirs.
        zone: Where their clock is; None: times are UTC, and that is written.
    """

    language: Language = "en"
    zone: tzinfo | None = None

    def text(self, name: str, **values: str) -> str:
        """A text with values in their places."""
        return texts(self.language)[name].format(**values)

    def clock(self, time: datetime, *, of: datetime | None = None) -> str:
        """Hours and minutes; with the day where it is not that of another time."""
        if self.zone is None:
            return f"{_at(time, of)} UTC"
        return _at(time.astimezone(self.zone), of and of.astimezone(self.zone))

    def rate(self, rate_mm_h: float) -> str:
        """A rain rate in mm/h with as many digits as it deserves."""
        digits = 2 if rate_mm_h < 1 else 1 if rate_mm_h < 10 else 0
        number = f"{rate_mm_h:.{digits}f}"
        number = number.rstrip("0").rstrip(".") if "." in number else number
        return number.replace(".", ",") if self.language in DECIMAL_COMMA else number


def _at(time: datetime, of: datetime | None) -> str:
    same_day = of is None or of.date() == time.date()
    return f"{time:%H:%M}" if same_day else f"{time:%Y-%m-%d %H:%M}"
