"""What rain does between two radar images, and what is more than that.

Rain moves, grows and fades. Frames are compared by blocks, a third of what rain can move in
between: a block of rain must find about its strength in the other frame within that reach. Only
blocks count whose surroundings both frames observed: missing is not dry, and what is near an edge
may have crossed it.

The limits come from real events of nine agencies, of images 2 to 45 minutes apart, whole and in
parts: ``experiments/plausibility.py`` measures it, ``experiments/LOG.md`` has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, reduce
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray

Kind = Literal["vanished", "appeared", "intensity", "frozen"]
VANISHED: Final = "vanished"
APPEARED: Final = "appeared"
INTENSITY: Final = "intensity"
FROZEN: Final = "frozen"
KINDS: tuple[Kind, ...] = VANISHED, APPEARED, INTENSITY, FROZEN

REACH_M_S = 30.0  # rain moves no faster
BLOCKS_IN_REACH = 3
WET_DBZ = 20.0  # weaker echoes come and go; they count as this
WET_SHARE = 0.25  # of a block's pixels: the block is wet
SURPLUS_DB = 3.0  # by which a block must exceed all within its reach to count as gone or new
MOST_VANISHED = 0.1, 1.5, 20  # share that may vanish of n wet blocks: a + b / sqrt(n), n at least c
MOST_VANISHED_IN_HALF = 0.2, 1.5, 20  # likewise of the blocks of one half of the image
MOST_NEW = 0.1, 2.2, 10  # share of n wet blocks that may be new
MOST_DB = 3.0, 32.0, 10  # median change of the n blocks that are wet in both frames
ROWS_AT_ONCE = 16  # that are compared
FROZEN_PIXELS = 20  # wet ones of an image, at least, whose repetition is no chance

Limit = tuple[float, float, int]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Blocks:
    """A frame in blocks, each (rows, columns).

    Args:
        observed: Where at least half of the pixels are there.
        top_dbz: The strongest echo, at least ``WET_DBZ``.
        wet: Where rain fills a good part of the block.
    """

    observed: Mask
    top_dbz: FloatArray
    wet: Mask


class Change(NamedTuple):
    """How much changed from one frame to the next.

    Args:
        kind: In which way.
        value: Share of the rain, or dB.
        most: How much is possible; infinite where there is too little rain to know.
    """

    kind: Kind
    value: float
    most: float

    @property
    def implausible(self) -> bool:
        """Whether rain does not do that."""
        return abs(self.value) > self.most

    def text(self, since: str) -> str:
        """A sentence, given which frame it was compared with."""
        if self.kind == INTENSITY:
            word = "stronger" if self.value > 0 else "weaker"
            what = f"Its rain is {abs(self.value):.1f} dB {word} than that of {since}"
            return f"{what}; at most {self.most:.1f} dB are possible."
        gone = f"of the rain of {since}, is gone from it or from a half of it"
        what = gone if self.kind == VANISHED else f"of its rain was not there at {since}"
        return f"{self.value:.0%} {what}; at most {self.most:.0%} are possible."


def changes(before: Blocks, after: Blocks, reach: int) -> Iterator[Change]:
    """How a frame differs from an earlier one.

    Args:
        before: The earlier frame.
        after: The later one.
        reach: How many blocks rain can have moved.
    """
    inner = _inner(before.observed & after.observed, reach)
    near_before, near_after = (_largest_near(one.top_dbz, reach) for one in (before, after))
    gone = before.top_dbz > near_after + SURPLUS_DB
    wet = before.wet & inner
    lost = gone & wet
    yield _share(VANISHED, lost, wet, MOST_VANISHED)
    for half in _halves(wet.shape):
        yield _share(VANISHED, lost[half], wet[half], MOST_VANISHED_IN_HALF)
    wet = after.wet & inner
    new = wet & (after.top_dbz > near_before + SURPLUS_DB)
    yield _share(APPEARED, new, wet, MOST_NEW)
    both = inner & before.wet & after.wet
    differences = (after.top_dbz - before.top_dbz)[both], (near_after - near_before)[both]
    yield Change(INTENSITY, _common(*differences), _limit(MOST_DB, len(differences[0])))


def _common(here_db: FloatArray, nearby_db: FloatArray) -> float:
    """What both medians show: that at a place alone also changes where a slope of rain moves in."""
    if not here_db.size:
        return 0.0
    here, nearby = map(float, np.median((here_db, nearby_db), axis=1))
    return min(here, nearby, key=abs) if here * nearby > 0 else 0.0


def _share(kind: Kind, which: Mask, among: Mask, limit: Limit) -> Change:
    """Share of some blocks among more, and its limit for so many."""
    count = int(np.count_nonzero(among))
    share = np.count_nonzero(which) / count if count else 0.0
    return Change(kind, share, _limit(limit, count))


def _halves(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Where each half of the image is: upper, lower, left, right."""
    rows, columns = (length // 2 for length in shape)
    everything = slice(None)
    yield slice(rows), everything
    yield slice(rows, None), everything
    yield everything, slice(columns)
    yield everything, slice(columns, None)


def _limit(of: Limit, count: int) -> float:
    """What so many blocks may do: the fewer, the more; any change where they are too few."""
    constant, factor, fewest = of
    return math.inf if count < fewest else constant + factor / math.sqrt(count)


def blocks_in_reach(between: timedelta, pixel_km: float) -> tuple[int, int]:
    """Side of a block in pixels, and how many blocks rain can move in a time."""
    pixels = REACH_M_S * between.total_seconds() / 1000 / pixel_km
    side = max(1, int(pixels // BLOCKS_IN_REACH))
    return side, math.ceil(pixels / side)


def blocks(frame_dbz: FloatArray, side: int) -> Blocks:
    """A frame in blocks of ``side`` x ``side`` pixels; what is left over at two edges is left out.

    Args:
        frame_dbz: (height, width) in dBZ, NaN where missing.
        side: Of a block.
    """
    height, width = (length // side * side for length in frame_dbz.shape)
    part, pixels = frame_dbz[:height, :width], side * side
    return Blocks(
        _count(np.isfinite(part), side) >= pixels / 2,
        np.fmax(_strongest(part, side), np.float32(WET_DBZ)),
        _count(part >= WET_DBZ, side) >= WET_SHARE * pixels,
    )


def _count(pixels: Mask, side: int) -> NDArray[np.int32]:
    """How many pixels of each block are true: rows first, which lie together in memory."""
    add = partial(np.add, dtype=np.int32)
    rows = reduce(add, (pixels[k::side] for k in range(side)))
    return np.asarray(reduce(add, (rows[:, k::side] for k in range(side))), np.int32)


def _strongest(values: FloatArray, side: int) -> FloatArray:
    """The largest value of each block, NaN where there is none."""
    rows = reduce(np.fmax, (values[k::side] for k in range(side)))
    return reduce(np.fmax, (rows[:, k::side] for k in range(side)))


def _largest_near(values: FloatArray, reach: int, outside: float = -math.inf) -> FloatArray:
    """The largest value within ``reach`` blocks along rows and columns."""
    if not values.size:  # rain crosses the grid in less than this time
        return values
    import cv2  # which processes that only look at streams never load

    side = 2 * reach + 1
    near = cv2.dilate(
        values, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=outside
    )
    return np.asarray(near, dtype=np.float32)


def _inner(observed: Mask, reach: int) -> Mask:
    """Blocks whose surroundings were all observed."""
    unobserved = (~observed).astype(np.float32)
    return np.asarray(_largest_near(unobserved, reach, outside=1.0) == 0)


def repeats(earlier_dbz: FloatArray, later_dbz: FloatArray) -> bool:
    """Whether a frame with rain is equal to an earlier one in every pixel.

    Most differ in the first rows with rain, so that few are read.
    """
    for top in range(0, len(later_dbz), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        if not np.array_equal(earlier_dbz[rows], later_dbz[rows], equal_nan=True):
            return False
    return bool(np.count_nonzero(later_dbz >= WET_DBZ) >= FROZEN_PIXELS)
