"""Rivals: whether a model in the shadow is better than the one that serves, on the same forecasts.

The difference of critical success indices, both counted on the same frames and pixels, so that the
weather is the same for both. Blocks of hours are drawn anew for its interval, never pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.verification.bootstrap import csi, resampled

LOW, HIGH = 0.5, 99.5  # percentiles: it is looked at again and again, so the interval is wide


@dataclass(frozen=True)
class Terms:
    """How much must have been seen before live scores decide anything.

    Args:
        fewest_blocks: Blocks of six hours with an event in them.
        fewest_pixels: Pixels that one of the two hit, missed or alarmed falsely.
    """

    fewest_blocks: int = 12
    fewest_pixels: int = 100_000


@dataclass(frozen=True)
class Comparison:
    """How a rival did beside the champion; gains are differences of CSI, positive where better.

    Args:
        blocks: Blocks with an event in them.
        pixels: Pixels that one of the two hit, missed or alarmed falsely.
        gain: Over all blocks; None without any event.
        low: Lower bound of the 99 % interval of ``gain``.
        high: Upper bound.
        enough: Whether the terms are met.
    """

    blocks: int
    pixels: int
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    enough: bool = False

    @property
    def better(self) -> bool:
        """The rival is shown to be better."""
        return self.enough and self.low is not None and self.low > 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def compare(blocks: Sequence[NDArray[np.int64]], terms: Terms) -> Comparison:
    """Compare a rival with the champion.

    Args:
        blocks: Of each (2, 3): rival and champion; hits, misses, false alarms.
        terms: How much must have been seen.
    """
    eventful = [block for block in blocks if block.sum()]
    if not eventful:
        return Comparison(0, 0)
    counts = np.stack(eventful)
    total = counts.sum(0)
    pixels = int(total.sum(-1).max())
    rival, champion = csi(total)
    drawn = csi(resampled([counts]))
    low, high = np.nanpercentile(drawn[:, 0] - drawn[:, 1], [LOW, HIGH])
    enough = len(eventful) >= terms.fewest_blocks and pixels >= terms.fewest_pixels
    return Comparison(
        len(eventful), pixels, float(rival - champion), float(low), float(high), enough
    )
