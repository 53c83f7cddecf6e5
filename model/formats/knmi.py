"""KNMI's HDF5 composites in: image1/image_data with a formula in words.

Source: KNMI HDF5 Data Format Specification 3.5 (Roozekrans and Holleman). Coordinates are in km,
and the formula is read: the offset of reflectivity was -31.5 dBZ and became -32.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.netcdf.access import damage_is_unreadable
from echocast.model.formats.odim.corners import Box
from echocast.model.formats.odim.tree import text
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.time_text import stated_time
from echocast.model.formats.units import radar_unit, unit_of_rain
from echocast.model.grid import Grid
from echocast.model.place.earth import to_plane
from echocast.model.place.projection_text import parsed_crs, with_earth_in_metres

NAME = "KNMI HDF5"
REFLECTIVITY = "REFLECTIVITY"
CORNERS = ("LL", "UL", "UR", "LR")  # the order of geo_product_corners
TIME = "%d-%b-%Y;%H:%M:%S.%f"
_NUMBER = r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)"
_FORMULA = re.compile(
    rf"GEO\s*=\s*{_NUMBER}\s*\*\s*PV\s*(?:(?P<sign>[-+])\s*{_NUMBER})?", re.IGNORECASE
)
_UNIT = re.compile(r"\[(.*)\]")


def is_knmi(file: h5py.File) -> bool:
    """Whether an HDF5 file is one of KNMI's."""
    return isinstance(file.get("image1/image_data"), h5py.Dataset) and "overview" in file


@contextmanager
def knmi_image(path: Path, reading: Reading) -> Iterator[StoredImage]:
    """The image of a file.

    Args:
        path: The file.
        reading: The group of an image, e.g. ``image2``; without one, the only one that is rain.

    Raises:
        UnreadableInput: It is damaged.
        ContractViolation: There is no such image, or an attribute is missing or breaks a rule.
    """
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        yield _image(file, path, reading.variable)


def _image(file: h5py.File, path: Path, variable: str | None) -> StoredImage:
    name = _image_name(file, path.name, variable)
    group = file[name]
    parameter = text(group.attrs.get("image_geo_parameter", ""))
    unit = unit_of_rain(
        _words(parameter).lower(), name, path.name, is_reflectivity=REFLECTIVITY in parameter
    )
    calibration = _attributes(group, "calibration", path.name)
    data = group["image_data"]

    return StoredImage(
        NAME,
        f"{name} ({short(parameter)})",
        _words(parameter),
        unit,
        _times(file, path.name),
        _grid(file, data.shape, path.name),
        data.dtype,
        data.__getitem__,
        _packing(calibration, path.name, is_rain=unit.is_rain),
        "calibration_missing_data",
        {"source": "weather radar composite of KNMI", "original_quantity": short(parameter)},
    )


def _image_name(file: h5py.File, where: str, variable: str | None) -> str:
    images = [
        n for n in sorted(file) if re.fullmatch(r"image[0-9]+", n) and "image_data" in file[n]
    ]
    rain = [n for n in images if _is_rain(text(file[n].attrs.get("image_geo_parameter", "")))]
    chosen = [n for n in images if n == variable] if variable else rain or images
    if len(chosen) != 1:
        raise ContractViolation(
            f"{where} must hold {short(variable) if variable else 'one image of rain'}, but it"
            f" holds {short(', '.join(images) or 'none')}; name one as the variable.",
            rule="variable-missing" if not chosen else "variable-ambiguous",
        )
    return str(chosen[0])


def _is_rain(parameter: str) -> bool:
    unit = radar_unit(_words(parameter).lower(), is_reflectivity=REFLECTIVITY in parameter)
    return unit is not None and unit.of_rain


def _words(parameter: str) -> str:
    """The unit between square brackets, empty where there is none."""
    match = _UNIT.search(parameter)
    return match[1] if match else ""


def _attributes(parent: h5py.Group, name: str, where: str) -> dict[str, Any]:
    group = parent.get(name)
    if not isinstance(group, h5py.Group):
        raise ContractViolation(f"{where} lacks the group {name!r}.", rule="knmi-attribute")
    return dict(group.attrs)


def _number(attributes: dict[str, Any], name: str, where: str) -> float:
    value = np.asarray(attributes.get(name, np.nan)).reshape(-1)
    if value.size != 1 or value.dtype.kind not in "iuf" or not np.isfinite(value[0]):
        raise ContractViolation(
            f"The attribute {name!r} of {where} must be one number.", rule="knmi-attribute"
        )
    return float(value[0])


def _packing(calibration: dict[str, Any], where: str, *, is_rain: bool) -> StoredNumbers:
    formula = text(calibration.get("calibration_formulas", ""))
    match = _FORMULA.fullmatch(formula.strip())
    if match is None:
        raise ContractViolation(
            f"The formula of {where} must be like GEO=0.5*PV-32, but is {short(formula)!r}.",
            rule="packing",
        )
    offset = float(match[3] or 0) * (-1 if match["sign"] == "-" else 1)
    names = ("calibration_missing_data", "calibration_out_of_image")
    missing = tuple(_number(calibration, n, where) for n in names if n in calibration)
    return StoredNumbers(float(match[1]), offset, missing, () if is_rain else (0.0,))


def _times(file: h5py.File, where: str) -> FrameTimes:
    overview = _attributes(file, "overview", where)
    names = "product_datetime_start", "product_datetime_end"
    start, end = (
        stated_time(text(overview.get(name, "")).title(), TIME, name, where) for name in names
    )
    return FrameTimes((end,), (end - start,) if start < end else None)


def _grid(file: h5py.File, shape: tuple[int, int], where: str) -> Grid:
    """Pixel centres in km; the corners in degrees must agree to within a pixel."""
    geographic = _attributes(file, "geographic", where)
    words = _attributes(file["geographic"], "map_projection", where)
    crs, _ = with_earth_in_metres(parsed_crs(text(words.get("projection_proj4_params", ""))))
    if text(geographic.get("geo_dim_pixel", "")).upper() != "KM,KM":
        raise ContractViolation(f"Pixels of {where} must be in km.", rule="grid-units")
    dx, dy = (_number(geographic, f"geo_pixel_size_{n}", where) for n in "xy")
    left, top = (_number(geographic, f"geo_{n}_offset", where) for n in ("column", "row"))
    grid = pixel_grid((top * dy, left * dx), (dy, dx), shape, crs, where, units="km")
    _check_corners(geographic, grid, crs, where)
    return grid


def _check_corners(geographic: dict[str, Any], grid: Grid, crs: Any, where: str) -> None:
    degrees = np.asarray(geographic.get("geo_product_corners", ()), float).reshape(-1, 2)
    plane = to_plane(crs)
    if len(degrees) != len(CORNERS) or plane is None:
        return
    dx, dy = float(grid.x[1] - grid.x[0]), float(grid.y[0] - grid.y[1])
    box = Box(
        float(grid.x[0] - dx / 2),
        float(grid.x[-1] + dx / 2),
        float(grid.y[0] + dy / 2),
        float(grid.y[-1] - dy / 2),
        None,
    )
    points = {n: plane.transform(*c) for n, c in zip(CORNERS, degrees, strict=True)}
    box.check(points, (dx, dy), where)
