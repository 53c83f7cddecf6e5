"""Plausibility between frames: which radar images can follow which, as rain goes.

An image that is empty after wet ones, whose echoes come out of nowhere or change their strength at
once, or that repeats another in every pixel, was made by a fault: of a radar, a composite, a
transfer. What rain does is in :mod:`echocast.model.sequence.rain_changes`; here the most images
are sought that can follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.sequence.rain_changes import (
    FROZEN,
    Blocks,
    Kind,
    blocks,
    blocks_in_reach,
    changes,
    repeats,
)

PLAUSIBILITY = "plausibility"  # subject of notes
LONGEST_DOUBT = timedelta(minutes=15)  # a change that lasts longer is believed, or two steps


class Doubt(NamedTuple):
    """Why a frame cannot follow an earlier one.

    Args:
        kind: What is wrong with it.
        since: Valid time of the earlier frame.
        text: What it shows, and how much is possible.
    """

    kind: Kind
    since: datetime
    text: str


@dataclass(frozen=True)
class Examination:
    """Which frames of a sequence can follow each other.

    Args:
        believed: Indices of those that can, in order; at least one.
        doubts: Why others cannot, by their indices, where that shows beside a believed one.
    """

    believed: tuple[int, ...]
    doubts: Mapping[int, Doubt] = field(default_factory=dict)


def examine(frames: Frames, longest_doubt: timedelta = LONGEST_DOUBT) -> Examination:
    """Which frames of a sequence can be believed: the most that can follow each other.

    They end at most ``longest_doubt`` (or two steps, if that is longer) before the newest frame: a
    change that lasts longer is believed, and then the frames before it are not.

    Args:
        frames: In time order, at least one.
        longest_doubt: How long.
    """
    follows = _Comparison(frames)
    everything = range(len(frames))
    if all(follows(*pair) is None for pair in pairwise(everything)):
        return Examination(tuple(everything))
    patience = max(longest_doubt, 2 * frames.step)
    believed = _longest_chain(frames.times, patience, follows)
    doubts = {k: _why(k, believed, follows) for k in everything if k not in believed}
    return Examination(believed, {k: doubt for k, doubt in doubts.items() if doubt})


def _longest_chain(
    times: Sequence[datetime], patience: timedelta, follows: _Comparison
) -> tuple[int, ...]:
    """The most frames that can follow each other; of equally many, those that end first."""
    chains: list[tuple[int, ...]] = []
    for k, time in enumerate(times):
        near = (i for i in range(k) if i == k - 1 or time - times[i] <= patience)
        before = (chains[i] for i in near if follows(i, k) is None)
        chains.append((*max(before, key=len, default=()), k))
    recent = (chain for chain in chains if times[-1] - times[chain[-1]] <= patience)
    return max(recent, key=len)


def _why(index: int, believed: Sequence[int], follows: _Comparison) -> Doubt | None:
    """Why a frame is not believed, by the believed ones next to it."""
    before = [k for k in believed if k < index][-1:]
    after = [k for k in believed if k > index][:1]
    pairs = [(k, index) for k in before] + [(index, k) for k in after]
    return next(filter(None, (follows(*pair) for pair in pairs)), None)


class _Comparison:
    """Compares frames of a sequence; what was summed up of a frame serves again."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._pixel_km = frames.grid.pixel_size_km or DEFAULT_PIXEL_KM
        self._blocks: dict[tuple[int, int], Blocks] = {}

    def __call__(self, earlier: int, later: int) -> Doubt | None:
        times = self._frames.times
        between = times[later] - times[earlier]
        since = f"{times[earlier].isoformat()}, {between / timedelta(minutes=1):g} minutes before"
        side, reach = blocks_in_reach(between, self._pixel_km)
        for change in changes(self._of(earlier, side), self._of(later, side), reach):
            if change.implausible:
                return Doubt(change.kind, times[earlier], change.text(since))
        if repeats(*(self._frames.reflectivity_dbz[index] for index in (earlier, later))):
            return Doubt(FROZEN, times[earlier], f"It repeats that of {since}, in every pixel.")
        return None

    def _of(self, index: int, side: int) -> Blocks:
        if (index, side) not in self._blocks:
            self._blocks[index, side] = blocks(self._frames.reflectivity_dbz[index], side)
        return self._blocks[index, side]
