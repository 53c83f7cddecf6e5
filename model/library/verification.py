"""``echocast.verify`` and ``echocast.scores``: how good a forecast was, as xarray."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from echocast.model.contract import InputContract, check_frames
from echocast.model.errors import ContractViolation
from echocast.model.formats.forecast_reader import read_methods
from echocast.model.formats.readers import between, read_frames
from echocast.model.formats.reading import Reading
from echocast.model.library.forecast_file import minutes_of, scored_file
from echocast.model.library.given_arrays import Labelled, given_file, times_of
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import FORECAST_THRESHOLDS_DBZ
from echocast.model.verification.forecast_scores import Verification, verify_forecast_stream

COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")
SCORES = {
    "csi": "critical success index",
    "pod": "probability of detection",
    "far": "false alarm ratio",
    "bias": "frequency bias",
}
AXES = ("forecast_method", "threshold", "lead_minutes")  # ``method`` is a word of ``sel``


def verify(
    forecast: xr.Dataset,
    observed: Labelled,
    *,
    thresholds: Sequence[float] = FORECAST_THRESHOLDS_DBZ,
    units: str | None = None,
    variable: str | None = None,
) -> xr.Dataset:
    """Count hits, misses, false alarms and correct negatives of a forecast and its references.

    As the service counts them: on pixels that were observed and where every method has a forecast;
    an observation counts for a lead time within a tenth of a step of it; a lead time without one
    has counts of 0. Counts of several forecasts add; then :func:`scores` divides them anew.

    Example:
        >>> verification = echocast.verify(forecast, radar)
        >>> verification.csi.sel(forecast_method="model", threshold=30).plot()

    Args:
        forecast: As :func:`.nowcasting.nowcast` gives it; lead times may be left out.
        observed: Frames on its grid, as :func:`.nowcasting.nowcast` takes them; those of other
            times are not looked at.
        thresholds: Events are reflectivity at or above, in dBZ.
        units: Of an observed DataArray that has no attribute ``units``.
        variable: Name of the observed field, where a Dataset has several.

    Returns:
        ``hits``, ``misses``, ``false_alarms``, ``correct_negatives`` in pixels, and ``csi``,
        ``pod``, ``far``, ``bias`` (forecast_method, threshold, lead_minutes), NaN where undefined;
        ``frames`` (lead_minutes), the observations counted.

    Raises:
        InputError: It is no forecast, or what is observed breaks a rule or is on another grid.
    """
    with (
        scored_file(forecast) as path,
        given_file(observed, units, _needed(forecast, observed)) as given,
    ):
        stream = read_methods(path)
        until = stream.valid_times[-1] + 0.1 * stream.step
        choose = between(stream.forecast_reference_time, until)
        frames = read_frames([given], Reading(variable), choose=choose)
        check_frames(frames, InputContract())
        return to_dataset(verify_forecast_stream(stream, frames, tuple(thresholds)))


def _needed(forecast: xr.Dataset, observed: Labelled) -> slice | None:
    """Which observed frames may match a lead time: of a lazy array only they are computed."""
    times, minutes = times_of(observed), minutes_of(forecast)
    if not len(times):
        return None  # the reader says what is wrong
    valid = np.atleast_1d(forecast.time.values)
    start = valid[0] - np.timedelta64(round(minutes[0] * 60), "s")
    end = valid[-1] + np.timedelta64(round(minutes[-1] * 60), "s")  # later than any that matches
    first, last = np.searchsorted(times, start, "right"), np.searchsorted(times, end, "right")
    return slice(int(first), int(last))


def to_dataset(verification: Verification) -> xr.Dataset:
    """Counts of a forecast with their scores, as of :func:`verify`."""
    counts = verification.counts
    coordinates = {
        "forecast_method": list(counts.methods),
        "threshold": ("threshold", list(counts.thresholds_dbz), {"units": "dBZ"}),
        "lead_minutes": ("lead_minutes", list(counts.lead_minutes), {"long_name": "lead time"}),
    }
    cells = {
        name: (AXES, counts.values[..., index], {"long_name": name.replace("_", " ")})
        for index, name in enumerate(COUNTS)
    }
    frames = ("lead_minutes", list(verification.frames), {"long_name": "observations counted"})
    return scores(xr.Dataset({**cells, "frames": frames}, coordinates))


def scores(counts: xr.Dataset) -> xr.Dataset:
    """Scores of counts: of sums over forecasts, or over an axis.

    Ratios come last: add counts first, over forecasts, lead times or both.

    Example:
        >>> both = echocast.scores(first + second)
        >>> pooled = echocast.scores(both.sum("lead_minutes"))

    Args:
        counts: With ``hits``, ``misses``, ``false_alarms`` and ``correct_negatives``; scores that
            it has are replaced.

    Returns:
        The same with ``csi``, ``pod``, ``far`` and ``bias``, NaN where undefined.

    Raises:
        ContractViolation: It has no counts.
    """
    if lacking := [name for name in COUNTS if name not in counts]:
        raise ContractViolation(
            f"Scores need the counts {', '.join(COUNTS)}, but there is no {', '.join(lacking)}.",
            rule="variable-missing",
        )
    cells = [counts[name] for name in COUNTS]
    names = tuple(SCORES)
    divided = xr.apply_ufunc(
        np.vectorize(_scores, otypes=[float] * len(names)),
        *cells,
        output_core_dims=[[]] * len(names),
    )
    named = zip(SCORES.items(), divided, strict=True)
    return counts.assign(
        {name: score.assign_attrs(long_name=words) for (name, words), score in named}
    )


def _scores(*counts: int) -> tuple[float, ...]:
    table = ContingencyTable(*map(int, counts)).scores()
    values = (table[name] for name in SCORES)
    return tuple(np.nan if value is None else value for value in values)
