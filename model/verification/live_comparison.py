"""Live comparison: whether a candidate in the shadow is better than the champion that serves.

The difference of critical success indices, both counted on the same frames and pixels, so that the
weather is the same for both. Blocks of hours are drawn anew for its interval, never pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.counts import Ints, union

LEVEL = 99.0  # percent: the comparison is made again and again, so the interval is wide


@dataclass(frozen=True)
class ComparisonFloor:
    """How large a sample has to be before live scores decide anything.

    Args:
        fewest_blocks: Blocks of six hours with an event in them.
        fewest_pixels: Pixels where one of the two forecast the event or it was observed.
    """

    fewest_blocks: int = 12
    fewest_pixels: int = 100_000


@dataclass(frozen=True)
class Comparison:
    """A candidate's scores beside the champion's.

    Args:
        blocks: Blocks with an event in them.
        pixels: Pixels where an event was forecast or observed, of the model with more of them.
        gain: CSI of the candidate minus that of the champion over all blocks, -1 to 1, positive
            where the candidate is better; None without any event.
        low: Lower bound of the 99 % interval of ``gain``.
        high: Upper bound.
        enough: Whether the sample is large enough.
    """

    blocks: int
    pixels: int
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    enough: bool = False

    @property
    def better(self) -> bool:
        """The candidate is shown to be better."""
        return self.enough and self.low is not None and self.low > 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def compare(blocks: Sequence[Ints], floor: ComparisonFloor) -> Comparison:
    """Compare a candidate with the champion.

    Args:
        blocks: Of each (2, 3): candidate and champion; hits, misses, false alarms.
        floor: How large the sample has to be.
    """
    eventful = [block for block in blocks if union(block).any()]
    if not eventful:
        return Comparison(0, 0)
    counts = np.stack(eventful)
    pixels = int(union(counts.sum(0)).max())
    gain, low, high = map(float, csi_difference([counts], LEVEL))
    enough = len(eventful) >= floor.fewest_blocks and pixels >= floor.fewest_pixels
    return Comparison(len(eventful), pixels, gain, low, high, enough)
