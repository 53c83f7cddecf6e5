"""Which observations a forecast can be scored against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.frames import Frames
from echocast.model.verification.forecast_scores import fits


def split_by_fit(
    observed: Frames, input_times: Sequence[str], leads: int
) -> tuple[Frames, tuple[datetime, ...]]:
    """The observed frames that fit a lead time, and the later times that fit none.

    Args:
        observed: Frames; those up to the reference time are passed over without a word.
        input_times: Of the forecast's input, ISO 8601.
        leads: Lead times of the forecast.

    Raises:
        ContractViolation: None fits.
    """
    known = [datetime.fromisoformat(time) for time in input_times]
    step = timedelta(seconds=float(np.median([gap.total_seconds() for gap in _gaps(known)])))
    valid_times = [known[-1] + step * lead for lead in range(1, leads + 1)]
    fit = [any(fits(time, valid, step) for valid in valid_times) for time in observed.times]
    if not any(fit):
        sent = _first_and_last(observed.times)
        raise ContractViolation(
            f"Observations must be valid within {step.total_seconds() / 600:g} minutes of"
            f" {valid_times[0].isoformat()}, every {step.total_seconds() / 60:g} minutes up to"
            f" {valid_times[-1].isoformat()}, but those sent are of {sent}.",
            rule="observation-times",
        )
    pairs = list(zip(observed.times, fit, strict=True))
    ignored = tuple(time for time, yes in pairs if not yes and time > known[-1])
    times = [time for time, yes in pairs if yes]
    return observed.derived(observed.reflectivity_dbz[np.array(fit)], times), ignored


def _gaps(times: Sequence[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(times)]


def _first_and_last(times: Sequence[datetime]) -> str:
    """The first and the last time, in words."""
    if not times:
        return "no time"
    first, last = times[0].isoformat(), times[-1].isoformat()
    return first if first == last else f"{first} to {last}"
