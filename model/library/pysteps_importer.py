"""An importer of pysteps for every format that Echocast reads, which pysteps finds by itself.

Its entry point is ``pysteps.plugins.importer`` (pyproject.toml); pysteps is not imported here.
"""

from __future__ import annotations

import math
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import KM_PER_UNIT, Grid, outer_edges
from echocast.model.place.projection_text import mapping_crs
from echocast.model.reflectivity import ZR

Imported = tuple[NDArray[np.float64], None, dict[str, Any]]


def import_echocast(
    filename: str | PathLike[str],
    *,
    accutime: float = math.nan,
    dtype: str = "double",
    fillna: float = math.nan,
    **reading: Any,
) -> Imported:
    """Read one image of any known format in the form of pysteps' importers.

    Example:
        >>> importer = pysteps.io.get_method("echocast", "importer")
        >>> precip, quality, metadata = importer("image.h5", accutime=5)

    Args:
        filename: A file of one image.
        accutime: Minutes that it stands for; one image does not tell, so NaN where not stated.
        dtype: Pysteps casts to it afterwards.
        fillna: Pysteps fills missing pixels with it afterwards.
        **reading: As of :func:`.reading.read`: ``variable``, ``units``, ``reduce`` and so on.

    Returns:
        (y, x) in dBZ, NaN where missing, ``zerovalue`` where dry; no quality; pysteps' metadata,
        the grid in metres, or in degrees.

    Raises:
        ContractViolation: There is more than one image, or the file does not say where it lies.
        InputError: The file breaks a rule of the input.
    """
    del dtype, fillna
    frames = read_frames([Path(filename)], Reading.of_words(**reading))
    if len(frames.times) != 1:
        raise ContractViolation(
            f"An importer of pysteps reads one image, but there are {len(frames.times)}.",
            rule="frame-count",
        )
    metadata = {**_grid_metadata(frames.grid), **_value_metadata(frames), "accutime": accutime}
    image = frames.reflectivity_dbz[0].astype(np.float64)
    return image[:, ::-1] if _descends(frames.grid.x) else image, None, metadata


def _value_metadata(frames: Frames) -> dict[str, Any]:
    image, zr = frames.reflectivity_dbz[0], ZR.of_attributes(frames.attributes)
    wet = image[image > frames.no_rain_dbz]
    return {
        "institution": str(frames.attributes.get("institution", "not stated")),
        "unit": "dBZ",
        "transform": "dB",
        "zerovalue": frames.no_rain_dbz,
        "threshold": float(wet.min()) if wet.size else frames.no_rain_dbz,
        "zr_a": zr.a,
        "zr_b": zr.b,
    }


def _grid_metadata(grid: Grid) -> dict[str, Any]:
    """Outer borders and projection; pysteps wants coordinates in the unit of the projection."""
    if grid.units == "1" or not (grid.crs or grid.units == "degree"):
        raise ContractViolation(
            "pysteps needs a projection and its coordinates, but the file has none.", rule="grid"
        )
    metres = 1.0 if grid.units == "degree" else 1000 * KM_PER_UNIT[grid.units]
    (x1, x2, width), (y1, y2, height) = (_borders(axis * metres) for axis in (grid.x, grid.y))
    return {
        "projection": _projection(grid),
        **{"x1": x1, "x2": x2, "xpixelsize": width},
        **{"y1": y1, "y2": y2, "ypixelsize": height},
        "yorigin": "upper" if _descends(grid.y) else "lower",
        "cartesian_unit": "degrees" if grid.units == "degree" else "m",
    }


def _projection(grid: Grid) -> str:
    """As PROJ text, the only form that pysteps reads."""
    if not grid.crs:
        return "+proj=longlat +datum=WGS84 +no_defs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PROJ text has no names of what it says
        return str(mapping_crs(grid.crs).to_proj4())


def _borders(centres: NDArray[np.float64]) -> tuple[float, float, float]:
    """Lower and upper border and size of pixels, from their centres."""
    lower, upper = sorted(outer_edges(centres))
    return lower, upper, (upper - lower) / len(centres)


def _descends(axis: NDArray[np.float64]) -> bool:
    return bool(axis[0] > axis[-1])
