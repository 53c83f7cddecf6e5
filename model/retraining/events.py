"""Events: stretches of weather within segments, which training and judging never divide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Self

from echocast.model.formats.stream_layout import stamp
from echocast.model.retraining.config import EventRules
from echocast.model.retraining.continuity import FrameSummary, Segment


@dataclass(frozen=True)
class Event:
    """Rainy frames of a segment.

    Args:
        stream: Of which stream.
        times: Valid times of its frames, evenly spaced.
        heavy_pixels: Pixels at 40 dBZ or more, over all frames.
    """

    stream: str
    times: tuple[datetime, ...]
    heavy_pixels: int

    @property
    def name(self) -> str:
        """Stream and time of the first frame: fit for files."""
        return f"{self.stream}_{stamp(self.times[0])}"

    @property
    def step_minutes(self) -> float:
        """Time between two frames."""
        return (self.times[1] - self.times[0]).total_seconds() / 60

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal event back."""
        return {
            "stream": self.stream,
            "times": [time.isoformat() for time in self.times],
            "heavy_pixels": self.heavy_pixels,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The event that :meth:`to_json` described."""
        times = tuple(datetime.fromisoformat(time) for time in value["times"])
        return cls(value["stream"], times, value["heavy_pixels"])


def events(segments: Sequence[Segment], rules: EventRules) -> list[Event]:
    """The events of segments, by their first frames."""
    unsorted = [event for segment in segments for event in _of_segment(segment, rules)]
    return sorted(unsorted, key=lambda event: (event.times[0], event.stream))


def _of_segment(segment: Segment, rules: EventRules) -> Iterator[Event]:
    """Rainy stretches, the long ones cut."""
    frames = segment.summaries
    shares = [frame.wet_share for frame in frames]
    for stretch in wet_stretches([frame.time for frame in frames], shares, rules):
        for part in _parts(frames[stretch], segment.step, rules):
            if len(part) >= rules.window_frames:
                times = tuple(frame.time for frame in part)
                yield Event(segment.stream, times, sum(frame.heavy_pixels for frame in part))


def wet_stretches(
    times: Sequence[datetime], wet_shares: Sequence[float], rules: EventRules
) -> list[slice]:
    """Stretches from the first to the last wet frame, where it never is dry for long.

    Args:
        times: Valid times of frames, in order.
        wet_shares: Of each, the share of its pixels that are wet, see :func:`.wet_share`.
        rules: From which share a frame is wet, and how long a dry time divides.
    """
    wet = [k for k, share in enumerate(wet_shares) if share >= rules.wet_share]
    if not wet:
        return []
    starts, ends = [wet[0]], list[int]()
    for earlier, later in pairwise(wet):
        if times[later] - times[earlier] >= timedelta(minutes=rules.dry_minutes):
            ends.append(earlier)
            starts.append(later)
    return [slice(start, end + 1) for start, end in zip(starts, [*ends, wet[-1]], strict=True)]


def _parts(
    frames: Sequence[FrameSummary], step: timedelta, rules: EventRules
) -> Iterator[Sequence[FrameSummary]]:
    """Long rain in pieces; a window's length is left out between two, so that none shares it."""
    if not step:
        return
    longest = max(int(timedelta(minutes=rules.longest_minutes) / step), rules.window_frames)
    for start in range(0, len(frames), longest + rules.window_frames):
        yield frames[start : start + longest]
