"""The even rhythm behind times that jitter: radars scan a little early or late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

SLACK = 1.5  # the tolerance is known only as well as the step


def even_step(times: Sequence[datetime], tolerance: timedelta) -> timedelta:
    """The step of times that jitter: the slope by least squares, in whole seconds.

    Whole minutes where jitter can explain the difference, as those are what radars are set to.

    Args:
        times: At least two, in order, with none missing between them.
        tolerance: How far each may be from its place, about.
    """
    seconds = np.array([(time - times[0]).total_seconds() for time in times])
    order = np.arange(len(seconds)) - (len(seconds) - 1) / 2
    squares = float(np.sum(order**2))
    slope = float(np.sum(order * seconds)) / squares
    explained = SLACK * tolerance.total_seconds() * float(np.sum(np.abs(order))) / squares
    minutes = 60 * round(slope / 60)
    near = minutes > 0 and abs(minutes - slope) <= explained
    return timedelta(seconds=minutes if near else max(1, round(slope)))


def even_places(
    times: Sequence[datetime], step: timedelta, tolerance: timedelta
) -> tuple[datetime, ...] | None:
    """Evenly spaced times, one for each of some times and close to it.

    As those of streams: at whole steps since 1970 where the first time is near one.

    Args:
        times: As for :func:`even_step`; UTC.
        step: Between the places.
        tolerance: How far each time may be from its place.

    Returns:
        The places; None where one would be too far from its time.
    """
    every = step.total_seconds()
    first = datetime.fromtimestamp(every * round(times[0].timestamp() / every), UTC)
    if abs(first - times[0]) > tolerance:
        off = [(time - times[0] - k * step).total_seconds() for k, time in enumerate(times)]
        first = times[0] + timedelta(seconds=round((max(off) + min(off)) / 2))
    places = tuple(first + k * step for k in range(len(times)))
    far = max(abs(place - time) for place, time in zip(places, times, strict=True))
    return places if far <= tolerance else None
