"""What a child can be asked to do: read an upload, check it, store its frames; render a forecast.

Only the child process calls these; the modules that bring netCDF4, HDF5, OpenCV or matplotlib are
imported when an operation first needs them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from echocast.model.contract import InputContract, check_frames, split
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.horizon import check_leads
from echocast.service.decoding.match_observations import split_by_fit
from echocast.workers.archive.frames_file import FRAMES_FILE, write_stored

Request = Mapping[str, Any]


def decode_inputs(request: Request) -> dict[str, Any]:
    """Read an upload, split it into inputs and observations, and store both for the archive.

    Raises:
        InputError: The upload is unreadable or breaks the input contract, or as many lead times as
            are requested cannot be.
    """
    count, reference_time = request["input_frames"], _time(request["reference_time"])
    inputs, observed = split(_read(request), count, InputContract(), reference_time)
    if "leads" in request:
        check_leads(request["leads"], inputs.step, request["output_frames"])
    directory = Path(request["directory"])
    return {
        "inputs": _store(inputs, directory / "inputs"),
        "observations": _store(observed, directory / "observations") if observed else None,
    }


def decode_observations(request: Request) -> dict[str, Any]:
    """Read an upload of observations and store those that fit a lead of the forecast.

    Raises:
        InputError: The upload is unreadable, on another grid, or holds nothing that fits.
    """
    inputs = json.loads(Path(request["description"]).read_text())
    frames = _read(request)
    check_frames(frames, InputContract())
    grid = Grid.from_json(inputs["grid"])
    frames = frames.on_grid(grid, "Observations must be on the grid of the forecast")
    fitting, ignored = split_by_fit(frames, inputs["times"], request["leads"])
    return {
        "observations": _store(fitting, Path(request["directory"]) / "observations"),
        "ignored_times": [time.isoformat() for time in ignored],
    }


def render_forecast(request: Request) -> dict[str, Any]:
    """Write a forecast file in another format."""
    from echocast.service.decoding.renderings import RENDERERS

    RENDERERS[request["format"]](request)
    return {}


def decode_stream_frame(request: Request) -> dict[str, Any]:
    """See :func:`echocast.service.decoding.stream_operations.decode_frame`."""
    from echocast.service.decoding.stream_operations import decode_frame

    return decode_frame(request, _read)


def read_point(request: Request) -> dict[str, Any]:
    """See :func:`echocast.service.decoding.stream_operations.forecast_at`."""
    from echocast.service.decoding.stream_operations import forecast_at

    return forecast_at(request)


def read_rain_window(request: Request) -> dict[str, Any]:
    """See :func:`echocast.service.decoding.rain_window.rain_window`."""
    from echocast.service.decoding.rain_window import rain_window

    return rain_window(request)


def draw_skill(request: Request) -> dict[str, Any]:
    """Draw scores by lead time as a PNG."""
    from echocast.model.plotting.skill import skill_png

    Path(request["output"]).write_bytes(skill_png(request["verification"], request["title"]))
    return {}


OPERATIONS: dict[str, Callable[[Request], dict[str, Any]]] = {
    "decode": decode_inputs,
    "observe": decode_observations,
    "render": render_forecast,
    "frame": decode_stream_frame,
    "point": read_point,
    "rain-window": read_rain_window,
    "skill": draw_skill,
}


def _read(request: Request) -> Frames:
    from echocast.model.formats.json_reader import read_json
    from echocast.model.formats.readers import read_frames
    from echocast.model.formats.reading import Reading

    paths = [Path(path) for path in request["paths"]]
    reading = Reading.of_words(**request["reading"])
    if request["kind"] == "json":
        reading.stated.check_unused("the body")
        return reading.crop.of_frames(read_json(paths[0].read_bytes()), "the body")
    return read_frames(paths, reading, scratch=Path(request["directory"]))


def _store(frames: Frames, directory: Path) -> dict[str, Any]:
    directory.mkdir(exist_ok=True)  # a child that died may have begun it
    write_stored(frames, directory / FRAMES_FILE)
    return {
        "directory": str(directory),
        "newest_time": frames.times[-1].isoformat(),
        "shape": frames.reflectivity_dbz.shape,
    }


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
