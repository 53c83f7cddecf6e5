"""Segments: parts of a stream that a network may see as one sequence; and why they end.

A segment has one time step, one grid, one Z-R relation, one floor and one calibration. What a
header says is compared. An undeclared recalibration shows as a jump of all echoes at once
from one frame to the next: the quartiles of their changes jump alike, far beyond what the weather
of the frames around does to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from echocast.model.errors import UnreadableInput
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import ECHO_FLOOR_DBZ
from echocast.model.retraining.frame_archive import FrameArchive

WET_DBZ = 20.0
HEAVY_DBZ = 40.0
CLEAR_ECHO_DBZ = 15.0  # their mean does: a limit on both alike, so that a step is not cut off
FEWEST_ECHOES = 500  # pixels, below which a pair of frames says nothing of the calibration
QUARTILES = (25, 50, 75)
ALIKE = 0.6  # of the median's jump, at least, that the other quartiles make in its direction
JUMP_DB = 1.5  # the median of real frames 10 minutes apart or less jumps by less, 1 pair in 429 not
JUMP_SPREADS = 6.0
AROUND = 6  # pairs before and after, that show the usual step, and what a jump is compared with
FEWEST_AROUND = 4
STEP_TOLERANCE = 0.1


@dataclass(frozen=True)
class FrameSummary:
    """What a retraining needs to know of one frame.

    Args:
        time: Valid time.
        product: What a header says that must not change within a segment, by name.
        wet_share: Share of the pixels with a value that reach 20 dBZ.
        heavy_pixels: Pixels that reach 40 dBZ.
        changes_db: Quartiles of the echoes' changes since the frame before; NaN where there
            are too few.
    """

    time: datetime
    product: tuple[tuple[str, str], ...]
    wet_share: float
    heavy_pixels: int
    changes_db: tuple[float, ...]


@dataclass(frozen=True)
class Discontinuity:
    """Why a segment ends.

    Args:
        stream: Of which stream.
        time: Of the first frame after it.
        kind: ``gap``, ``step``, ``grid``, ``z-r``, ``floor``, ``calibration`` or ``damaged``.
        text: For people.
    """

    stream: str
    time: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class Segment:
    """Evenly spaced frames of one product."""

    stream: str
    summaries: tuple[FrameSummary, ...]

    @property
    def step(self) -> timedelta:
        """Time between two frames; zero where there is one only."""
        first, *others = self.summaries
        return others[0].time - first.time if others else timedelta(0)


def summarise_frames(
    archive: FrameArchive, stream: str, times: Sequence[datetime]
) -> Iterator[FrameSummary | Discontinuity]:
    """A summary of every frame, read one after the other; of a damaged one a discontinuity."""
    before: FloatArray | None = None
    for time in times:
        try:
            frame = archive.frame(stream, time)
        except UnreadableInput as error:
            yield Discontinuity(stream, time, "damaged", str(error))
            before = None
            continue
        now = frame.reflectivity_dbz
        yield FrameSummary(
            time,
            _product(frame),
            wet_share(now),
            int((now >= HEAVY_DBZ).sum()),
            changes_db(before, now),
        )
        before = now


def wet_share(reflectivity_dbz: FloatArray) -> float:
    """Share of the pixels with a value that reach 20 dBZ, of (height, width) in dBZ."""
    valid = max(1, int(np.isfinite(reflectivity_dbz).sum()))
    return float((reflectivity_dbz >= WET_DBZ).sum() / valid)


def _product(frame: StreamFrame) -> tuple[tuple[str, str], ...]:
    attributes = frame.header.attributes
    relation = f"{attributes.get('zr_a', '')}/{attributes.get('zr_b', '')}"
    height, width = frame.reflectivity_dbz.shape
    return (
        ("grid", f"{height} x {width}"),
        ("z-r", relation if relation != "/" else "not given"),
        ("floor", f"{frame.header.no_rain_dbz:g} dBZ"),
        ("calibration", attributes.get("calibration", "not given")),
    )


def changes_db(before: FloatArray | None, now: FloatArray) -> tuple[float, ...]:
    """Quartiles of the changes of all echoes between two frames, (height, width) in dBZ."""
    nothing = (float("nan"),) * len(QUARTILES)
    if before is None or before.shape != now.shape:
        return nothing
    echo = (
        (before >= ECHO_FLOOR_DBZ) & (now >= ECHO_FLOOR_DBZ) & (before + now >= 2 * CLEAR_ECHO_DBZ)
    )
    if np.count_nonzero(echo) < FEWEST_ECHOES:
        return nothing
    return tuple(np.percentile(now[echo] - before[echo], QUARTILES).tolist())


def segments(
    stream: str, surveyed: Sequence[FrameSummary | Discontinuity]
) -> tuple[list[Segment], list[Discontinuity]]:
    """The segments of a stream and what lies between them."""
    discontinuities = [item for item in surveyed if isinstance(item, Discontinuity)]
    summaries = [item for item in surveyed if isinstance(item, FrameSummary)]
    if not summaries:
        return [], discontinuities
    usual = _usual_steps(summaries)
    jumps = _jumps(summaries)
    complete, current, step = list[Segment](), [summaries[0]], usual[0]
    for k, (before, now) in enumerate(pairwise(summaries), 1):
        reason = _reason(before, now, step) or jumps.get(k)
        if reason:
            discontinuities.append(Discontinuity(stream, now.time, *reason))
            complete.append(Segment(stream, tuple(current)))
            current, step = [], usual[k]
        current.append(now)
    complete.append(Segment(stream, tuple(current)))
    return complete, sorted(discontinuities, key=lambda item: item.time)


def _usual_steps(summaries: Sequence[FrameSummary]) -> list[timedelta]:
    """For each frame, the (lower) median of the steps between the frames around it."""
    steps = [now.time - before.time for before, now in pairwise(summaries)] or [timedelta(0)]
    around = (sorted(steps[max(0, k - AROUND) : k + AROUND + 1]) for k in range(len(steps)))
    usual = [near[(len(near) - 1) // 2] for near in around]
    return [*usual, usual[-1]]


def _reason(before: FrameSummary, now: FrameSummary, usual: timedelta) -> tuple[str, str] | None:
    """Why a segment ends between two frames."""
    for (name, earlier), (_, later) in zip(before.product, now.product, strict=True):
        if earlier != later:
            return name, f"the {name} changes from {earlier} to {later}"
    step = now.time - before.time
    if abs(step - usual) > STEP_TOLERANCE * usual:
        minutes = step.total_seconds() / 60
        if step > usual:
            return "gap", f"{minutes:g} minutes without a frame"
        return "step", f"a frame {minutes:g} minutes after the one before"
    return None


def _jumps(summaries: Sequence[FrameSummary]) -> dict[int, tuple[str, str]]:
    """Index of the first frame after each step of the calibration."""
    changes = np.array([summary.changes_db for summary in summaries])
    known = np.isfinite(changes[:, 0])
    jumps = {}
    for k in np.flatnonzero(known).tolist():
        near = np.arange(max(0, k - AROUND), min(len(summaries), k + AROUND + 1))
        around = changes[near[known[near] & (near != k)]]
        if len(around) < FEWEST_AROUND:
            continue
        middle = np.median(around, 0)
        spread = float(np.median(np.abs(around - middle), 0)[1])
        low, jump, high = (changes[k] - middle).tolist()
        alike = min(low * np.sign(jump), high * np.sign(jump)) >= ALIKE * abs(jump)
        if alike and abs(jump) >= max(JUMP_DB, JUMP_SPREADS * spread):
            jumps[k] = ("calibration", f"all echoes change by {jump:+.1f} dB at once")
    return jumps
