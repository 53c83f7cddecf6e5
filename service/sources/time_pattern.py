"""Times in addresses and names of files, in the codes of strftime."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2, "Q": 13}
DAYS = ({"Q"}, {"Y", "m", "d"}, {"y", "m", "d"}, {"Y", "j"}, {"y", "j"})  # each says the day
_CODE = re.compile(r"%(.)|([^%*]+)|(\*)|(%$)", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimePattern:
    """An address or a name with codes for the time in it.

    Codes are ``%Y %y %m %d %j %H %M %S`` of strftime, ``%Q`` for milliseconds since 1970, ``%%``;
    in names ``*`` stands for any letters but ``/``, ``?`` and ``&``.

    Args:
        text: With codes.
        utc_offset: Of the clock that writes the times.
    """

    text: str
    utc_offset: timedelta = timedelta()

    @cached_property
    def codes(self) -> frozenset[str]:
        """The codes in it, without ``%``.

        Raises:
            ValueError: One is unknown.
        """
        codes = {match[1] or match[4] for match in _CODE.finditer(self.text)} - {None, "%"}
        if unknown := {code for code in codes if code not in DIGITS}:
            raise ValueError(f"%{min(unknown).lstrip('%')} is no code of a time: {self.text}")
        if codes and "%" in self.text.replace("%%", "")[-1:]:
            raise ValueError(f"a single % ends {self.text}")
        return frozenset(codes)

    @property
    def is_whole(self) -> bool:
        """Whether it says a time to the minute."""
        return "Q" in self.codes or (
            any(day <= self.codes for day in DAYS) and {"H", "M"} <= self.codes
        )

    def at(self, time: datetime) -> str:
        """The text at a time."""
        local = time.astimezone(UTC) + self.utc_offset
        milliseconds = str((time - _EPOCH) // timedelta(milliseconds=1))
        return local.strftime(self.text.replace("%Q", milliseconds))

    def time_in(self, text: str) -> datetime | None:
        """The time that a name or an address holds; None where it is of another kind.

        The pattern must be all between two of ``/``, ``?`` and ``&``.
        """
        for match in self._expression.finditer(text):
            if (time := self._time(match.groupdict())) is not None:
                return time
        return None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        known: set[str] = set()
        parts = [self._part(match, known) for match in _CODE.finditer(self.text)]
        return re.compile(rf"(?:^|(?<=[/?&])){''.join(parts)}(?=$|[?&#])")

    def _part(self, match: re.Match[str], known: set[str]) -> str:
        code, literal, star, _ = match.groups()
        if literal:
            return re.escape(literal)
        if star or code == "%":
            return "[^/?&]*" if star else "%"
        if code in known:
            return f"(?P={code})"
        known.add(code)
        return f"(?P<{code}>[0-9]{{{DIGITS[code]}}})"

    def _time(self, parts: dict[str, str]) -> datetime | None:
        if "Q" in parts:
            return _EPOCH + timedelta(milliseconds=int(parts["Q"]))
        codes = " ".join(f"%{code}" for code in parts)
        try:
            local = datetime.strptime(" ".join(parts.values()), codes)
        except ValueError:
            return None
        return local.replace(tzinfo=UTC) - self.utc_offset
