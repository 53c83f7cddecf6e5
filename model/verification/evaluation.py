"""Evaluation: scores of a model over whole events beside its references, on the same pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.progress import Progress

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast
from echocast.model.formats.event_files import EventFiles
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.verification.baselines import Reference, method_fields
from echocast.model.verification.calibration import EARLY_FACTOR, WEIGHTS, ExceedanceCounts
from echocast.model.verification.event_scores import EventScores, StartCounts


def forecasts(
    nowcaster: Nowcaster, event: EventFiles, stride: int, bar: Progress
) -> Iterator[tuple[Forecast, Frames, Frames]]:
    """Forecasts over one event, each with its inputs and what was then observed.

    Args:
        nowcaster: The model.
        event: Its files.
        stride: Frames between reference times.
        bar: Shows the progress, and how many reference times were left out.

    Raises:
        ContractViolation: The event is too short, or has too many gaps.
    """
    for window in bar.track(_windows(nowcaster, event, stride, bar), description=event.name):
        frames = event.frames(window)
        inputs, observed = frames[: nowcaster.input_frames], frames[nowcaster.input_frames :]
        yield nowcaster.nowcast(inputs), inputs, observed


def _windows(nowcaster: Nowcaster, event: EventFiles, stride: int, bar: Progress) -> list[slice]:
    """Parts of an event that hold inputs and all frames to verify, in even steps."""
    length, count = nowcaster.input_frames + nowcaster.output_frames, len(event.times)
    windows = event.even_windows(length, stride)
    if not windows:
        raise ContractViolation(
            f"An evaluation needs {length} frames in even steps, but {event.name} holds {count}"
            f"{' with gaps' if count >= length else ''}.",
            rule="frame-count",
        )
    if gaps := len(range(0, count - length + 1, stride)) - len(windows):
        bar.console.print(f"{event.name}: frames are missing for {gaps} reference times.")
    return windows


def evaluate(
    nowcaster: Nowcaster,
    event: EventFiles,
    stride: int,
    bar: Progress,
    references: Sequence[Reference] = (),
) -> EventScores:
    """The scores of a model and its references over one event.

    Args:
        nowcaster: The model.
        event: Its files.
        stride: Frames between reference times.
        bar: Shows the progress.
        references: Further methods, beside those that a forecast has itself.

    Raises:
        ContractViolation: The event is too short, or has too many gaps.
    """
    starts, minutes, reliability = [], [], None
    for forecast, inputs, observed in forecasts(nowcaster, event, stride, bar):
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
        event.name,
        tuple(methods),
        tuple(forecast.lead_minutes),
        tuple(minute - minutes[0] for minute in minutes),
        tuple(starts),
        reliability,
    )


def exceedance_counts(
    nowcaster: Nowcaster, events: Sequence[EventFiles], stride: int, bar: Progress
) -> dict[float, dict[str, ExceedanceCounts]]:
    """Counts of exceedance probabilities, per weight of extrapolation and event."""
    tried: dict[float, dict[str, ExceedanceCounts]] = {weight: {} for weight in WEIGHTS}
    for event in events:
        for forecast, _, observed in forecasts(nowcaster, event, stride, bar):
            for weight, counted in tried.items():
                thresholds = len(forecast.exceedance_thresholds_dbz)
                decision = ExceedanceDecision(
                    (0.5,) * thresholds, (weight,) * thresholds, EARLY_FACTOR
                )
                counts = ExceedanceCounts.of(forecast, observed, decision)
                name = event.name
                counted[name] = counted[name] + counts if name in counted else counts
    return tried
