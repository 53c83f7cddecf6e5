"""The input of a stream's nowcast: frames in rhythm, gaps bridged, or fewer where need be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from echocast.model.extrapolation.bridging import interpolate
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames, joined_notes
from echocast.model.grid import FloatArray, Grid
from echocast.workers.streams.stream import Stream


@dataclass(frozen=True)
class ChosenFrames:
    """Which frames a nowcast is made from.

    Args:
        times: Valid times in rhythm, oldest first, those to be interpolated among them.
        sources: The known frames among and, where a gap opens the input, just before them.
        needed: Frames that the network takes.
    """

    times: tuple[datetime, ...]
    sources: tuple[datetime, ...]
    needed: int

    @property
    def bridged(self) -> tuple[datetime, ...]:
        """Times without a frame, to be interpolated between their neighbours."""
        return tuple(time for time in self.times if time not in self.sources)

    @property
    def complete(self) -> bool:
        """True where there are enough for the network."""
        return len(self.times) == self.needed

    @property
    def quality(self) -> dict[str, str]:
        """What a reader should know of the input."""
        notes = {}
        if self.bridged:
            missing = ", ".join(time.isoformat() for time in self.bridged)
            notes["bridged"] = f"Missing and interpolated along the motion: {missing}."
        if not self.complete:
            way = "extrapolation" if len(self.times) > 1 else "persistence"
            notes["degraded"] = (
                f"Made by {way}: {len(self.times)} of {self.needed} frames without a long gap."
            )
        return notes


def choose(
    stream: Stream, reference: datetime, known: Collection[datetime], needed: int
) -> ChosenFrames:
    """The needed frames in rhythm that end at the reference time; fewer after a long gap.

    Args:
        stream: Says the step and how long a gap is bridged.
        reference: Valid time of the newest frame, which must be known.
        known: Valid times of the frames there are.
        needed: Frames that the network takes.
    """
    sources = [reference]
    while (sources[-1] - reference) > -(needed - 1) * stream.step:
        earlier = _earlier(sources[-1], stream, known)
        if earlier is None:
            break
        sources.append(earlier)
    count = min(needed, (reference - sources[-1]) // stream.step + 1)
    times = tuple(reference - k * stream.step for k in reversed(range(count)))
    return ChosenFrames(times, tuple(sources[::-1]), needed)


def _earlier(time: datetime, stream: Stream, known: Collection[datetime]) -> datetime | None:
    """The newest known frame before a time, not further away than the longest gap."""
    steps = range(1, stream.longest_gap // stream.step + 1)
    return next((time - k * stream.step for k in steps if time - k * stream.step in known), None)


def assemble(grid: Grid, choice: ChosenFrames, observed: Mapping[datetime, StreamFrame]) -> Frames:
    """The chosen frames, interpolated where there is none."""
    values = [
        observed[time].reflectivity_dbz if time in observed else _interpolated(observed, time)
        for time in choice.times
    ]
    floor = min(frame.header.no_rain_dbz for frame in observed.values())
    attributes = observed[choice.times[-1]].header.attributes
    notes = joined_notes(frame.header.notes for frame in observed.values())
    return Frames(np.stack(values), choice.times, grid, floor, attributes, notes)


def _interpolated(observed: Mapping[datetime, StreamFrame], time: datetime) -> FloatArray:
    earlier = max(other for other in observed if other < time)
    later = min(other for other in observed if other > time)
    share = (time - earlier) / (later - earlier)
    return interpolate(observed[earlier].reflectivity_dbz, observed[later].reflectivity_dbz, share)
