"""``echocast.read``: radar files of any known format as one xarray DataArray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from echocast.model.cli.progress import watched
from echocast.model.errors import ContractViolation
from echocast.model.formats.cf_layout import (
    GRID_MAPPING,
    coordinate_attributes,
    geolocation_attributes,
)
from echocast.model.formats.earlier_notes import written_notes
from echocast.model.formats.event_files import visible_files
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import GEOLOCATION, Grid

RadarPaths: TypeAlias = "str | PathLike[str] | Iterable[str | PathLike[str]]"


def read(
    paths: RadarPaths,
    *,
    variable: str | None = None,
    units: str | None = None,
    gain: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    undetect: float | None = None,
    at: tuple[float, float] | str | None = None,
    radius_km: float | None = None,
    bbox: tuple[float, float, float, float] | str | None = None,
    reduce: int = 1,
) -> xr.DataArray:
    """Read radar files of any format that the service reads, also packed, one time or many a file.

    Example:
        >>> radar = echocast.read("event/*.h5", at=(48.1, 11.6), radius_km=100)

    Args:
        paths: A file, a folder, a pattern such as ``event/*.h5``, or several of them; any order.
        variable: Name of the field, where a file has several; None: found by itself.
        units: Of a GeoTIFF or GRIB2 that does not say: ``dBZ``, ``mm/h``, ``mm/5min``.
        gain: Factor of raw numbers, where the file does not say.
        offset: Added to raw numbers, where the file does not say.
        nodata: Code of pixels that were not measured, where the file does not say.
        undetect: Code of pixels that had no echo, where the file does not say.
        at: Latitude and longitude in degrees, with ``radius_km``: only what is around is read.
        radius_km: How far the crop reaches from its centre, in km.
        bbox: West, south, east, north in degrees, instead of ``at``.
        reduce: Pixels become means of Z over so many by so many.

    Returns:
        float32 (time, y, x) in dBZ, named ``reflectivity``: NaN where missing, ``no_rain_value`` of
        its attributes where dry, rain rates turned by the Z-R relation. Coordinates: ``time``
        (UTC), ``y``, ``x``, and where known ``crs``, ``latitude`` and ``longitude``.

    Raises:
        ContractViolation: There is no such file, or what is read breaks a rule.
        UnreadableInput: A file is damaged or of no known format.
        InputTooLarge: A file claims more than the limits allow.
    """
    words = (_words(at), radius_km, _words(bbox), reduce)
    reading = Reading.of_words(variable, units, gain, offset, nodata, undetect, *words)
    return to_data_array(read_frames(watched(files_of(paths), "Reading radar files"), reading))


def _words(numbers: Sequence[float] | str | None) -> str | None:
    """Numbers as options have them; as they are where they are words already."""
    if numbers is None or isinstance(numbers, str):
        return numbers
    return ",".join(str(float(number)) for number in numbers)


def files_of(paths: RadarPaths) -> list[Path]:
    """The files that paths, folders and patterns mean, each once.

    Raises:
        ContractViolation: One of them means no file.
    """
    several = [paths] if isinstance(paths, str | PathLike) else list(paths)
    files = [file for one in several for file in _files_of(Path(one))]
    return list(dict.fromkeys(files))


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    inside = path.iterdir() if path.is_dir() else _matching(path)
    files = visible_files(inside)
    if not files:
        raise ContractViolation(f"There is no radar file at {str(path)!r}.", rule="frame-count")
    return files


def _matching(pattern: Path) -> Iterator[Path]:
    root = Path(pattern.anchor)
    return root.glob(str(pattern.relative_to(root)))


def to_data_array(frames: Frames) -> xr.DataArray:
    """Frames as xarray has them; :func:`.given_arrays.write_given` writes them back as they were.

    Returns:
        (time, y, x) in dBZ, as of :func:`read`.
    """
    attributes = {
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "radar reflectivity",
        "units": "dBZ",
        "no_rain_value": frames.no_rain_dbz,
        **frames.attributes,
        **written_notes(frames.notes),
    }
    axes = ("time", "y", "x")
    array = xr.DataArray(
        frames.reflectivity_dbz.copy(), _coordinates(frames), axes, "reflectivity", attributes
    )
    if frames.grid.crs:
        array.encoding["grid_mapping"] = GRID_MAPPING
    return array


def _coordinates(frames: Frames) -> dict[str, Any]:
    times = np.array([time.replace(tzinfo=None) for time in frames.times], "datetime64[ns]")
    grid = frames.grid
    clock = {"standard_name": "time", "long_name": "valid time", "axis": "T"}
    coordinates: dict[str, Any] = {
        "time": ("time", times, clock),
        "y": ("y", grid.y, coordinate_attributes(grid, "Y")),
        "x": ("x", grid.x, coordinate_attributes(grid, "X")),
    }
    if grid.crs:
        coordinates[GRID_MAPPING] = ((), np.int32(0), dict(grid.crs))
    return coordinates | _geolocation(grid)


def _geolocation(grid: Grid) -> dict[str, Any]:
    known = {name: getattr(grid, name) for name in GEOLOCATION}
    return {
        name: (("y", "x"), degrees, geolocation_attributes(name))
        for name, degrees in known.items()
        if degrees is not None
    }
