"""Evaluation: scores of a model over whole events beside its references, on the same pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.progress import Progress

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast
from echocast.model.formats.netcdf.reader import netcdf_shape, read_netcdf
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.verification.baselines import Reference, method_fields
from echocast.model.verification.calibration import EARLY_FACTOR, WEIGHTS, ExceedanceCounts
from echocast.model.verification.event_scores import EventScores, StartCounts


def forecasts(
    nowcaster: Nowcaster, path: Path, stride: int, bar: Progress
) -> Iterator[tuple[Forecast, Frames, Frames]]:
    """Forecasts over one event, each with its inputs and what was then observed.

    Args:
        nowcaster: The model.
        path: A radar file.
        stride: Frames between reference times.
        bar: Shows the progress.
    """
    for window in bar.track(_windows(nowcaster, path, stride), description=path.stem):
        frames = read_netcdf(path, time_slice=window)
        inputs, observed = frames[: nowcaster.input_frames], frames[nowcaster.input_frames :]
        yield nowcaster.nowcast(inputs), inputs, observed


def _windows(nowcaster: Nowcaster, path: Path, stride: int) -> list[slice]:
    """Time slices of a file that hold inputs and all frames to verify."""
    frames = netcdf_shape(path)[0]
    length = nowcaster.input_frames + nowcaster.output_frames
    if frames < length:
        raise ContractViolation(
            f"An evaluation needs {length} frames, but {path.name} holds {frames}.",
            rule="frame-count",
        )
    return [slice(start, start + length) for start in range(0, frames - length + 1, stride)]


def evaluate(
    nowcaster: Nowcaster,
    path: Path,
    stride: int,
    bar: Progress,
    references: Sequence[Reference] = (),
) -> EventScores:
    """The scores of a model and its references over one event.

    Args:
        nowcaster: The model.
        path: A radar file.
        stride: Frames between reference times.
        bar: Shows the progress.
        references: Further methods, beside those that a forecast has itself.

    Raises:
        ContractViolation: The event is too short.
    """
    starts, minutes, reliability = [], [], None
    for forecast, inputs, observed in forecasts(nowcaster, path, stride, bar):
        methods = method_fields(forecast)
        for reference in references:
            methods |= reference(inputs, nowcaster.output_frames)
        truth = np.asarray(observed.reflectivity_dbz)
        pixel_km = observed.grid.pixel_size_km or DEFAULT_PIXEL_KM
        starts.append(StartCounts.of(list(methods.values()), truth, pixel_km))
        minutes.append(forecast.forecast_reference_time.timestamp() / 60)
        if forecast.exceedance_probability is not None:
            counts = ExceedanceCounts.of(forecast, observed)
            reliability = counts if reliability is None else reliability + counts
    return EventScores(
        path.stem,
        tuple(methods),
        tuple(forecast.lead_minutes),
        tuple(minute - minutes[0] for minute in minutes),
        tuple(starts),
        reliability,
    )


def exceedance_counts(
    nowcaster: Nowcaster, files: Sequence[Path], stride: int, bar: Progress
) -> dict[float, dict[str, ExceedanceCounts]]:
    """Counts of exceedance probabilities, per weight of extrapolation and event."""
    tried: dict[float, dict[str, ExceedanceCounts]] = {weight: {} for weight in WEIGHTS}
    for path in files:
        for forecast, _, observed in forecasts(nowcaster, path, stride, bar):
            for weight, events in tried.items():
                thresholds = len(forecast.exceedance_thresholds_dbz)
                decision = ExceedanceDecision(
                    (0.5,) * thresholds, (weight,) * thresholds, EARLY_FACTOR
                )
                counts = ExceedanceCounts.of(forecast, observed, decision)
                events[path.stem] = events[path.stem] + counts if path.stem in events else counts
    return tried
