"""A forecast file in other formats: JSON, npz, a picture, a loop. Runs in a child process only."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from echocast.model.forecast import Forecast
from echocast.model.formats.forecast_reader import (
    read_exceedance,
    read_expected,
    read_forecast,
    read_not_stored,
    read_sharp,
)
from echocast.model.formats.time_text import iso_text
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.verification.forecast_scores import Verification
from echocast.workers.archive.frames_file import map_stored

Request = Mapping[str, Any]
GZIP_LEVEL = 1  # a grid of 700 x 700 has 100 MB of JSON
DECIMALS = 2  # forecasts are stored to .01 dBZ


def _write_json(request: Request) -> None:
    """Frame by frame: as Python objects a value takes ten times its size."""
    forecast = _forecast(request)
    thresholds: list[float] = []
    with _text_file(request) as file:
        file.write('{"frames":[')
        _write_list(file, map(_plain, forecast.frames.reflectivity_dbz))
        file.write('],"exceedance_probability_percent":[')
        for threshold, leads in read_exceedance(Path(request["forecast"])):
            file.write("," * bool(thresholds) + "[")
            _write_list(file, map(_percent, leads))
            file.write("]")
            thresholds.append(threshold)
        facts = _facts(forecast) | {"exceedance_thresholds_dbz": thresholds}
        facts["product"] = request["product"] or "default"
        facts["not_stored"] = read_not_stored(Path(request["forecast"]))
        grid = replace(forecast.frames.grid, latitude=None, longitude=None)
        rest = _compact({**facts, "grid": grid.to_json()})
        file.write("]," + rest.removeprefix("{"))


def _text_file(request: Request) -> TextIO:
    """The output, open for text; by gzip where that is wanted."""
    path = Path(request["output"])
    return gzip.open(path, "wt", GZIP_LEVEL) if request.get("zipped") else path.open("w")


def _write_list(file: TextIO, items: Iterable[list[Any]]) -> None:
    for index, item in enumerate(items):
        file.write("," * (index > 0) + _compact(item))


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _probabilities(path: Path) -> tuple[list[float], NDArray[np.float16]]:
    """Thresholds in dBZ and (threshold, time, y, x) in 0..1, NaN where missing."""
    pairs = [
        (threshold, np.stack([plane.astype(np.float16) for plane in leads]))
        for threshold, leads in read_exceedance(path)
    ]
    planes = [values for _, values in pairs]
    return [threshold for threshold, _ in pairs], np.array(planes, np.float16)


def _write_npz(request: Request) -> None:
    forecast = _forecast(request)
    thresholds, probabilities = _probabilities(Path(request["forecast"]))
    facts = _facts(forecast)
    with Path(request["output"]).open("wb") as file:
        np.savez_compressed(
            file,
            reflectivity_dbz=forecast.frames.reflectivity_dbz,
            extrapolation_dbz=forecast.extrapolation.reflectivity_dbz,
            exceedance_thresholds_dbz=np.array(thresholds),
            exceedance_probability=probabilities,
            times=np.array(facts["times"]),
            lead_minutes=np.array(forecast.lead_minutes),
            lead_sources=np.array(forecast.lead_sources, dtype=np.str_),
            not_stored=np.array(read_not_stored(Path(request["forecast"])), dtype=np.str_),
            forecast_reference_time=np.array(facts["forecast_reference_time"]),
            y=forecast.frames.grid.y,
            x=forecast.frames.grid.x,
        )


def _write_geotiff(request: Request) -> None:
    from echocast.model.formats.geotiff_writer import write_forecast_geotiff

    product = request["product"] or "default"
    write_forecast_geotiff(_forecast(request), Path(request["output"]), product)


def _write_png(request: Request) -> None:
    from echocast.model.plotting.pictures import forecast_png

    observed, scores = _observed(request), _verification(request)
    picture = forecast_png(_forecast(request), observed, scores, _inputs(request))
    Path(request["output"]).write_bytes(picture)


def _write_webp(request: Request) -> None:
    from echocast.model.plotting.loop import forecast_loop

    loop = forecast_loop(_inputs(request), _forecast(request), _observed(request))
    Path(request["output"]).write_bytes(loop)


RENDERERS: dict[str, Callable[[Request], None]] = {
    "json": _write_json,
    "npz": _write_npz,
    "geotiff": _write_geotiff,
    "png": _write_png,
    "webp": _write_webp,
}


def _forecast(request: Request) -> Forecast:
    """The forecast with the product that is wanted as its frames; by default its own."""
    path, product = Path(request["forecast"]), request["product"]
    forecast = read_forecast(path, only_methods=True)
    if not product:
        return forecast
    if product == "sharp" and (frames := read_sharp(path, forecast.frames)):
        return replace(forecast, frames=frames)
    shown = replace(forecast, frames=read_expected(path, forecast.frames))
    return replace(shown, frames=shown.sharp()) if product == "sharp" else shown


def _inputs(request: Request) -> Frames | None:
    path = request.get("inputs")
    return map_stored(Path(path)) if path else None


def _observed(request: Request) -> Frames | None:
    """All observations together; of one time the last that came."""
    parts = [map_stored(Path(path)) for path in request.get("observed", ())]
    return Frames.overlaid(parts) if parts else None


def _verification(request: Request) -> Verification | None:
    scores = request.get("verification")
    return None if scores is None else Verification.from_json(scores)


def _facts(forecast: Forecast) -> dict[str, Any]:
    return {
        "times": [iso_text(time) for time in forecast.frames.times],
        "units": "dBZ",
        "forecast_reference_time": iso_text(forecast.forecast_reference_time),
        "lead_minutes": forecast.lead_minutes,
        "lead_sources": list(forecast.lead_sources),
        "model": {"name": forecast.model.name, "version": forecast.model.version},
        "no_rain_dbz": forecast.frames.no_rain_dbz,
        "licence": forecast.frames.attributes.get("license"),
        "attribution": forecast.frames.attributes.get("acknowledgement"),
    }


def _plain(values: FloatArray) -> list[Any]:
    """Nested lists, rounded, with None where missing."""
    return _listed(np.round(values.astype(float), DECIMALS), np.isnan(values))


def _percent(values: FloatArray) -> list[Any]:
    """Nested lists of whole percent, with None where missing."""
    missing = np.isnan(values)
    return _listed(np.rint(100 * np.where(missing, 0, values)).astype(int), missing)


def _listed(values: NDArray[Any], missing: NDArray[np.bool_]) -> list[Any]:
    objects = values.astype(object)
    objects[missing] = None
    listed: list[Any] = objects.tolist()
    return listed
