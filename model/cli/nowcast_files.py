"""From radar files to a forecast file, with as little in memory as a continent allows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.contract import InputContract, check_frames, split
from echocast.model.forecast import Forecast, ForecastStream
from echocast.model.formats.forecast_reader import read_methods
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.model.formats.readers import between, newest, read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.horizon import check_leads
from echocast.model.nowcaster import Nowcaster
from echocast.model.verification.forecast_scores import verify_forecast_stream


def nowcast_files(
    nowcaster: Nowcaster,
    files: Sequence[Path],
    output: Path,
    *,
    reading: Reading | None = None,
    reference_time: datetime | None = None,
    leads: int | None = None,
    institution: str = "",
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Forecast from the newest frames of files, and verify by what they hold of later ones.

    Of a file of many frames only those that are needed are read, and each lead time is written
    before the next is made. The output appears once it is whole.

    Args:
        nowcaster: What forecasts.
        files: Of any known format, in any order.
        output: The new file.
        reading: How the files are read; None: by what they say themselves.
        reference_time: The newest frame at or before it is the last one used; None: of all.
        leads: Lead times, at most 24 and to 120 minutes; None: as many as the network makes.
        institution: Who makes the forecast; empty: not stated.
        progress: Called after every step of the network.

    Returns:
        Plain JSON values: file, reference time, model, lead times in minutes and what makes each
        of them, the highest value in
        dBZ (None where no forecast is possible), notes on the input, and the scores, None where
        there is no later frame.

    Raises:
        InputError: A file can't be read, its frames break the input contract, or there are too many
            lead times.
    """
    chosen = newest(nowcaster.input_frames, reference_time)
    frames = read_frames(files, reading, choose=chosen)
    inputs, _ = split(frames, nowcaster.input_frames, InputContract(), reference_time)
    check_leads(leads, inputs.step, nowcaster.output_frames)
    prepared = nowcaster.prepare(inputs)
    del frames, inputs
    forecast = nowcaster.stream(prepared, nowcaster.predict([prepared], progress)[0], leads)
    del prepared
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    highest: list[float] = []
    written = replace(forecast, parts=_noted(forecast.parts, highest), institution=institution)
    try:
        write_forecast_stream(written, unfinished)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    observed = later_frames(files, reading, forecast)
    scores = observed and verify_forecast_stream(read_methods(output), observed).to_json()
    return {
        "output": str(output),
        "forecast_reference_time": forecast.forecast_reference_time.isoformat(),
        "model": {"name": forecast.model.name, "version": forecast.model.version},
        "lead_minutes": forecast.lead_minutes,
        "lead_sources": list(forecast.lead_sources),
        "highest_dbz": round(max(highest), 2) if highest else None,
        "quality": dict(forecast.quality),
        "verification": scores,
    }


def later_frames(
    files: Sequence[Path], reading: Reading | None, forecast: ForecastStream
) -> Frames | None:
    """What files hold of the valid times of a forecast; None where that is nothing.

    Raises:
        InputError: A file can't be read, or its frames break the input contract.
    """
    until = forecast.valid_times[-1] + 0.1 * forecast.step
    later = between(forecast.forecast_reference_time, until)
    observed = read_frames(files, reading, choose=later)
    if not len(observed):
        return None
    check_frames(observed, InputContract())
    return observed


def _noted(parts: Iterator[Forecast], highest: list[float]) -> Iterator[Forecast]:
    """The parts as they are written; of each the highest value in dBZ, if any, is noted."""
    for part in parts:
        most = float(np.fmax.reduce(part.frames.reflectivity_dbz, axis=None))
        if not np.isnan(most):
            highest.append(most)
        yield part
        del part  # before the next one is made
