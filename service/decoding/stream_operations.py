"""What a child does for streams: reads one frame, and a forecast at one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.contract import InputContract, check_frames
from echocast.model.errors import ContractViolation
from echocast.model.formats.json_reader import json_unit
from echocast.model.formats.stream_frame import pack_counts
from echocast.model.frames import Frames, Grid
from echocast.model.place.earth import distance_km
from echocast.workers.archive.frames_file import description_of

Request = Mapping[str, Any]
TOLERANCE = 0.1  # of a step, between the time in the path and the time in the file


def decode_frame(request: Request, read: Callable[[Request], Frames]) -> dict[str, Any]:
    """Read one frame, check it against its stream and time, and pack it as the archive keeps it.

    Raises:
        InputError: The upload is unreadable, or breaks a rule.
    """
    frames = read(request)
    _check_units(request)
    contract = InputContract()
    check_frames(frames, contract)
    time = datetime.fromisoformat(request["time"])
    frame = _at(frames, time, TOLERANCE * timedelta(minutes=request["step_minutes"]))
    share = float(frame.missing.mean())
    if share > contract.maximum_missing_share:
        raise ContractViolation(
            f"At most {contract.maximum_missing_share:.0%} of a frame may be missing, but"
            f" {share:.1%} of this one is.",
            rule="missing-share",
        )
    packed = packed_frame(Path(request["directory"]))
    pack_counts(frame.reflectivity_dbz[0], packed)
    description_of(packed).write_text(json.dumps(frame.description()))
    return {}


def packed_frame(directory: Path) -> Path:
    """Where a child packs the frame of an upload; its description lies beside it."""
    return directory / "frame.npz"


def _at(frames: Frames, time: datetime, tolerance: timedelta) -> Frames:
    """The frame of a time, which must be the only one."""
    if len(frames) != 1:
        raise ContractViolation(
            f"One frame is sent at a time, but the upload holds {len(frames)}.", rule="frame-count"
        )
    if abs(frames.times[0] - time) > tolerance:
        raise ContractViolation(
            f"The frame is sent for {time.isoformat()}, but says it is valid at"
            f" {frames.times[0].isoformat()}.",
            rule="frame-time",
        )
    return frames


def _check_units(request: Request) -> None:
    sent = _units(request)
    if sent != request["units"]:
        raise ContractViolation(
            f"The stream is declared in {request['units']}, but the frame is in {sent}; send it"
            f" to a stream that is declared in {sent}.",
            rule="units",
        )


def _units(request: Request) -> str:
    """``dBZ``, or ``mm/h`` for rain rates and amounts in any unit, as a readable upload has it."""
    path = Path(request["paths"][0])
    if request["kind"] == "json":
        return json_unit(json.loads(path.read_bytes())).of_stream
    from echocast.model.formats.readers import read_header
    from echocast.model.formats.reading import Reading

    reading = Reading.of_words(**request["reading"])
    return read_header(path, reading, scratch=Path(request["directory"])).units


def forecast_at(request: Request) -> dict[str, Any]:
    """A forecast at the pixel nearest to a place.

    Raises:
        ContractViolation: The grid does not say where it is, or the place is outside of it.
    """
    from echocast.model.formats.forecast_reader import read_forecast, read_not_stored
    from echocast.model.reflectivity import ZR

    forecast = read_forecast(Path(request["forecast"]))
    grid = forecast.frames.grid
    row, column = grid_pixel(grid, request["latitude"], request["longitude"])
    values = forecast.frames.reflectivity_dbz[:, row, column]
    chances = forecast.exceedance_probability
    relation = ZR.of_attributes(forecast.frames.attributes)
    rates = relation.rain_rate_mm_h(values, no_rain_dbz=forecast.frames.no_rain_dbz)
    return {
        "row": row,
        "column": column,
        "valid_times": [time.isoformat() for time in forecast.frames.times],
        "lead_minutes": forecast.lead_minutes,
        "reflectivity_dbz": _plain(values, 2),
        "extrapolation_dbz": _plain(forecast.extrapolation.reflectivity_dbz[:, row, column], 2),
        "rain_rate_mm_h": _plain(rates, 3),
        "zr": {"a": relation.a, "b": relation.b},
        "exceedance_probability": {}
        if chances is None
        else {
            f"{threshold:g}": _plain(chances[index, :, row, column], 3)
            for index, threshold in enumerate(forecast.exceedance_thresholds_dbz)
        },
        "radar_coverage": np.isfinite(values).tolist(),
        "quality": dict(forecast.quality),
        "not_stored": read_not_stored(Path(request["forecast"])),
    }


def grid_pixel(grid: Grid, latitude: float, longitude: float) -> tuple[int, int]:
    """Row and column of the pixel that a place lies in.

    By the grid's projection; without one, by the latitude and longitude of each pixel.

    Raises:
        ContractViolation: The grid does not say where it is, or the place is outside of it.
    """
    if grid.earth is not None:
        y, x = grid.earth.coordinates(latitude, longitude, float(grid.x.mean()))
        row, column = _nearest(grid.y, y), _nearest(grid.x, x)
    elif grid.latitude is not None:
        row, column = _nearest_of_all(grid, latitude, longitude)
    else:
        raise ContractViolation(
            "The stream's grid does not say where on earth it is: it has neither a projection nor"
            " the latitude and longitude of each pixel.",
            rule="place",
        )
    if row is None or column is None:
        raise ContractViolation(
            f"Latitude {latitude:g}, longitude {longitude:g} is outside the stream's grid.",
            rule="place",
        )
    return row, column


def _nearest_of_all(
    grid: Grid, latitude: float, longitude: float
) -> tuple[int, int] | tuple[None, None]:
    """The pixel whose centre is nearest; none further away than a pixel's side."""
    if grid.latitude is None or grid.longitude is None or grid.pixel_size_km is None:
        return None, None
    places = np.stack([grid.latitude, grid.longitude]).astype(np.float64)
    here = np.array([latitude, longitude]).reshape(2, 1, 1)
    apart = distance_km(places, here)
    if not np.isfinite(apart).any():
        return None, None
    row, column = (int(i) for i in np.unravel_index(np.nanargmin(apart), apart.shape))
    return (row, column) if apart[row, column] <= grid.pixel_size_km else (None, None)


def _nearest(centres: Any, value: float) -> int | None:
    """Index of the nearest centre; None further than half a pixel from all."""
    if not np.isfinite(value):
        return None
    index = int(np.argmin(np.abs(centres - value)))
    half = abs(float(centres[-1] - centres[0])) / (len(centres) - 1) / 2
    return index if abs(float(centres[index]) - value) <= half * 1.001 else None


def _plain(values: Any, decimals: int) -> list[float | None]:
    return [round(float(v), decimals) if np.isfinite(v) else None for v in values]
