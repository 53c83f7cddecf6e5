"""Evaluation: scores of a model over whole events beside its references, on the same pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.progress import Progress

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast
from echocast.model.formats.event_files import EventFiles
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.verification.baselines import MethodFields, Reference, method_fields
from echocast.model.verification.calibration import EARLY_FACTOR, WEIGHTS, ExceedanceCounts
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.start_counts import StartCounts

ForecastCase = tuple[Forecast, Frames, Frames]  # with its inputs, and what was then observed


def forecasts(
    nowcaster: Nowcaster,
    event: EventFiles,
    stride: int,
    bar: Progress,
    leads: int | None = None,
) -> Iterator[ForecastCase]:
    """Forecasts over one event, each with its inputs and what was then observed.

    Args:
        nowcaster: The model.
        event: Its files.
        stride: Frames between reference times.
        bar: Shows the progress, and how many reference times were left out.
        leads: Lead times, at most 24 and to 120 minutes; None: as many as the network makes.

    Raises:
        ContractViolation: The event is too short, has too many gaps, or has no such lead times.
    """
    windows = _windows(nowcaster, event, stride, leads)
    possible = len(event.times) - _length(nowcaster, leads) + 1
    if gaps := len(range(0, possible, stride)) - len(windows):
        bar.console.print(f"{event.name}: frames are missing for {gaps} reference times.")
    for window in bar.track(windows, description=event.name):
        yield _nowcast(nowcaster, event, window, leads)


def nth_forecast(
    nowcaster: Nowcaster, event: EventFiles, stride: int, number: int, leads: int | None = None
) -> ForecastCase:
    """One of :func:`forecasts`, by its place among them."""
    window = _windows(nowcaster, event, stride, leads)[number]
    return _nowcast(nowcaster, event, window, leads)


def _nowcast(
    nowcaster: Nowcaster, event: EventFiles, window: slice, leads: int | None
) -> ForecastCase:
    frames = event.frames(window)
    inputs, observed = frames[: nowcaster.input_frames], frames[nowcaster.input_frames :]
    return nowcaster.nowcast(inputs, leads), inputs, observed


def _length(nowcaster: Nowcaster, leads: int | None) -> int:
    """Frames of the inputs and of what verifies so many lead times."""
    return nowcaster.input_frames + (leads or nowcaster.output_frames)


def _windows(
    nowcaster: Nowcaster, event: EventFiles, stride: int, leads: int | None
) -> list[slice]:
    """Parts of an event that hold inputs and all frames to verify, in even steps."""
    length, count = _length(nowcaster, leads), len(event.times)
    windows = event.even_windows(length, stride)
    if not windows:
        raise ContractViolation(
            f"An evaluation needs {length} frames in even steps, but {event.name} holds {count}"
            f"{' with gaps' if count >= length else ''}.",
            rule="frame-count",
        )
    return windows


def evaluate(
    nowcaster: Nowcaster,
    event: EventFiles,
    stride: int,
    bar: Progress,
    reference: Reference | None = None,
    leads: int | None = None,
) -> EventScores:
    """The scores of a model and its references over one event.

    Args:
        nowcaster: The model.
        event: Its files.
        stride: Frames between reference times.
        bar: Shows the progress.
        reference: Further methods, beside those that a forecast has itself.
        leads: As of :func:`forecasts`.

    Raises:
        ContractViolation: The event is too short, has too many gaps, or has no such lead times.
    """
    starts, minutes = [], []
    for forecast, inputs, observed in forecasts(nowcaster, event, stride, bar, leads):
        methods = method_fields(forecast)
        if reference is not None:
            methods |= reference(inputs, len(forecast.frames))
        starts.append(count_start(methods, observed))
        minutes.append(forecast.forecast_reference_time.timestamp() / 60)
    return EventScores(
        event.name,
        tuple(methods.fields),
        tuple(forecast.lead_minutes),
        tuple(minute - minutes[0] for minute in minutes),
        tuple(starts),
        tuple(methods.probabilities),
        forecast.lead_sources,
    )


def count_start(methods: MethodFields, observed: Frames) -> StartCounts:
    """Count the forecasts of one start time against what was observed at their valid times."""
    pixel_km = observed.grid.pixel_size_km or DEFAULT_PIXEL_KM
    fields, chances = list(methods.fields.values()), list(methods.probabilities.values())
    return StartCounts.of(fields, observed.reflectivity_dbz, pixel_km, chances)


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
