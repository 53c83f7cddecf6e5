"""Scores over whole events: the model beside extrapolation and persistence, counts pooled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from model.calibration import ExceedanceCounts
from model.forecast import Forecast
from model.formats.netcdf_reader import netcdf_shape, read_netcdf
from model.frames import Frames
from model.nowcaster import Nowcaster
from model.verification import Verification, verify

THRESHOLDS_DBZ = (20, 30, 40, 50)


def evaluate(
    nowcaster: Nowcaster, files: Sequence[Path], stride: int, bar: Progress
) -> dict[str, Any]:
    """Scores of a model and its references on each event.

    Args:
        nowcaster: The model.
        files: One radar file per event.
        stride: Frames between reference times.
        bar: Shows how far it is.

    Returns:
        ``{"model": ..., "events": {name: {"forecasts": n, "mse_dbz2": {method: value},
        "pixels": n, "verification": ...}}}``; counts are pooled over forecasts and leads before
        they are divided, MSE is over the same pixels, dry counted as 0 dBZ.
    """
    events: dict[str, Any] = {}
    for path in files:
        events[path.stem] = _event(nowcaster, path, stride, bar)
    identity = nowcaster.identity
    return {"model": f"{identity.name}/{identity.version}", "stride": stride, "events": events}


def forecasts(
    nowcaster: Nowcaster, path: Path, stride: int, bar: Progress
) -> Iterator[tuple[Forecast, Frames]]:
    """Forecasts over one event, each with what was then observed.

    Args:
        nowcaster: The model.
        path: A radar file.
        stride: Frames between reference times.
        bar: Shows how far it is.
    """
    for window in bar.track(list(_windows(nowcaster, path, stride)), description=path.stem):
        frames = read_netcdf(path, time_slice=window)
        inputs, observed = frames[: nowcaster.input_frames], frames[nowcaster.input_frames :]
        yield nowcaster.nowcast(inputs), observed


def exceedance_counts(
    nowcaster: Nowcaster, files: Sequence[Path], stride: int, bar: Progress
) -> dict[str, ExceedanceCounts]:
    """What followed the exceedance probabilities, per event that had forecasts."""
    events: dict[str, ExceedanceCounts] = {}
    for path in files:
        for forecast, observed in forecasts(nowcaster, path, stride, bar):
            counts = ExceedanceCounts.of(forecast, observed)
            events[path.stem] = events[path.stem] + counts if path.stem in events else counts
    return events


def _event(nowcaster: Nowcaster, path: Path, stride: int, bar: Progress) -> dict[str, Any]:
    """Pooled scores of one event."""
    total: Verification | None = None
    squares: dict[str, float] = {}
    pixels = count = 0
    for forecast, observed in forecasts(nowcaster, path, stride, bar):
        table = verify(forecast, observed, THRESHOLDS_DBZ)
        total = table if total is None else total + table
        shared, errors = squared_errors(forecast, observed)
        pixels += shared
        squares = {method: squares.get(method, 0.0) + value for method, value in errors.items()}
        count += 1
    return {
        "forecasts": count,
        "pixels": pixels,
        "mse_dbz2": {method: value / pixels for method, value in squares.items() if pixels},
        "verification": total.to_json() if total else None,
    }


def _windows(nowcaster: Nowcaster, path: Path, stride: int) -> Iterator[slice]:
    """Time slices of a file that hold inputs and all frames to verify."""
    frames = netcdf_shape(path)[0]
    length = nowcaster.input_frames + nowcaster.output_frames
    for start in range(0, frames - length + 1, stride):
        yield slice(start, start + length)


def squared_errors(forecast: Forecast, observed: Frames) -> tuple[int, dict[str, float]]:
    """Pixels and sums of squared errors in dBZ^2 per method, over the pixels all methods share.

    Args:
        forecast: Ten frames.
        observed: Frames at the same valid times.

    Returns:
        The number of pixels, and the sum per method.
    """
    truth = np.clip(observed.reflectivity_dbz, 0, None)
    valid = np.isfinite(truth) & np.isfinite(forecast.frames.reflectivity_dbz)
    methods = dict(forecast.methods())
    if forecast.expected is not None:
        methods["expected"] = forecast.expected
    sums = {
        method: float(
            np.square(np.clip(frames.reflectivity_dbz, 0, None) - truth, dtype=float)[valid].sum()
        )
        for method, frames in methods.items()
    }
    return int(valid.sum()), sums


def markdown(scores: dict[str, Any]) -> str:
    """The scores as a table for people."""
    head = "| event (forecasts) | method | MSE dBZ² | " + " | ".join(
        f"CSI-{t} (bias; n)" for t in THRESHOLDS_DBZ
    )
    lines = [head + " |", "|---" * (3 + len(THRESHOLDS_DBZ)) + "|"]
    for event, result in scores["events"].items():
        methods = result["verification"]["methods"] if result["verification"] else {}
        for method, tables in methods.items():
            cells = " | ".join(_cell(tables[str(t)]["pooled"]) for t in THRESHOLDS_DBZ)
            mse = result["mse_dbz2"][method]
            lines.append(f"| {event} ({result['forecasts']}) | {method} | {mse:.1f} | {cells} |")
    return "\n".join(lines)


def _cell(pooled: dict[str, Any]) -> str:
    """CSI with bias and the number of pixels in the union of forecast and observed events."""
    n = pooled["hits"] + pooled["misses"] + pooled["false_alarms"]
    if pooled["csi"] is None:
        return f"n/a (n={n})"
    bias = "n/a" if pooled["bias"] is None else f"{pooled['bias']:.2f}"
    return f"{pooled['csi']:.3f} ({bias}; {n})"
