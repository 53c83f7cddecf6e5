"""Block: what was counted of a stream in six hours, all lead times together; blocks add.

The charts of drift read blocks and nothing else, so their state can be made again from the counts
in the archive at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import Counts, added

BLOCK: Final = timedelta(hours=6)


@dataclass(frozen=True)
class Block:
    """Counts of six hours of valid time.

    Args:
        begin: Beginning, UTC, a multiple of six hours.
        expected: Frames that the stream's rhythm has in it.
        received: Frames that came.
        counts: By name, without lead time: see :mod:`echocast.model.verification.counts`.
    """

    begin: datetime
    expected: int
    received: int
    counts: Counts

    @classmethod
    def of(cls, begin: datetime, expected: int, received: int, counts: Counts) -> Self:
        """The block of counts whose names say the lead time."""
        pooled = added({name.partition("|")[2]: vector} for name, vector in counts.items())
        return cls(begin, expected, received, pooled)

    def table(self, method: str, threshold_dbz: float) -> ContingencyTable:
        """Contingency table of a method, empty where nothing was counted."""
        return ContingencyTable(*self.counts.get(f"{method}|{threshold_dbz:g}", ()))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal block back."""
        return {
            "begin": self.begin.isoformat(),
            "expected": self.expected,
            "received": self.received,
            "counts": {name: list(vector) for name, vector in self.counts.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The block that :meth:`to_json` described."""
        return cls(**{**value, "begin": datetime.fromisoformat(value["begin"])})


def block_begin(time: datetime) -> datetime:
    """Beginning of the block that a time lies in."""
    day = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (time - day) // BLOCK * BLOCK
