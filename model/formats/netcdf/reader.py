"""CF NetCDF in: find the radar field, check what its header claims, then read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import short
from echocast.model.formats.crop import Crop, Window
from echocast.model.formats.grid_checks import check_side
from echocast.model.formats.header import FileHeader
from echocast.model.formats.intervals import Factor, FrameTimes
from echocast.model.formats.netcdf.access import Variable, damage_is_unreadable, open_netcdf
from echocast.model.formats.netcdf.axes import Axes, find_axes, time_coordinate
from echocast.model.formats.netcdf.codes import DECLARE, FieldCodes
from echocast.model.formats.netcdf.field import RadarField, find_field
from echocast.model.formats.netcdf.geolocation import check_agreement
from echocast.model.formats.netcdf.grid import read_grid
from echocast.model.formats.netcdf.interval import frame_times
from echocast.model.formats.observed import check_observed_netcdf
from echocast.model.formats.plausible import check_floor, check_reflectivity, check_strongest
from echocast.model.frames import FloatArray, Frames, joined_notes
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR

FrameChooser = Callable[[Sequence[datetime]], slice]

WHOLE = slice(None)
BLOCK_PIXELS = 4_000_000  # values unpacked at a time
PROVENANCE = (
    "title",
    "institution",
    "source",
    "references",
    "license",
    "original_quantity",
    "zr_a",
    "zr_b",
)


def read_netcdf(
    path: Path,
    *,
    variable: str | None = None,
    time_slice: slice | None = None,
    choose: FrameChooser | None = None,
    y_slice: slice | None = None,
    x_slice: slice | None = None,
    crop: Crop | None = None,
    contract: InputContract | None = None,
) -> Frames:
    """Read radar frames, or a window of them, from one CF NetCDF file.

    Only the window is read from disk, so a continent can be read in pieces.

    Args:
        path: The file; a field (time, y, x), or (y, x) with a scalar time.
        variable: Name of the field; None: found by standard name or units.
        time_slice: Frames to read; None: all.
        choose: Which frames to read, given all times, where ``time_slice`` does not.
        y_slice: Rows to read; None: all.
        x_slice: Columns to read; None: all.
        crop: Region to read, where no rows and columns are given; see :class:`.Crop`.
        contract: Size limits, checked on the window before any value is read; None: the default.

    Returns:
        Reflectivity in dBZ; rain rates are turned into it by the file's Z-R relation.

    Raises:
        UnreadableInput: The file is damaged or not NetCDF.
        InputTooLarge: Its header claims more than the limits allow.
        ContractViolation: It has no such field, or the field breaks a rule.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        field = find_field(dataset, variable, path.name)
        check_observed_netcdf(dataset, path.name)
        axes = find_axes(dataset, field.variable, path.name)
        limits, where = (
            contract or InputContract(),
            f"Variable {short(field.variable.name)!r} of {path.name}",
        )
        if time_slice is None and choose is not None:
            limits.check_size((axes.frames(field.variable), 1, 1), where)
            time_slice = choose(_times(dataset, field, axes, path.name).times)
        if crop is not None and not crop.is_whole:
            y_slice, x_slice = _region(dataset, field, axes, crop, path.name)
        window = (time_slice or WHOLE, y_slice or WHOLE, x_slice or WHOLE)
        shape = axes.shape(field.variable, window)
        limits.check_size(shape, where)
        claimed = int(np.prod(shape)) * field.variable.dtype.itemsize
        limits.check_claim(claimed, path.stat().st_size, f"Variable {short(field.variable.name)!r}")
        times = _times(dataset, field, axes, path.name)
        grid, place = read_grid(dataset, field.variable, (axes.y, axes.x), window[1:])
        check_agreement(grid, path.name)
        factor = times.factor(field.unit, window[0])
        codes = FieldCodes(field, factor, path.name)
        values = _read(field.variable, axes, window, codes)
        notes = joined_notes([field.notes, times.notes, axes.notes, place, codes.check()])
        values, floor = _reflectivity(values, field, codes, factor, path.name)
        chosen = times.times[window[0]]
        return Frames(values, chosen, grid, floor, provenance(dataset, field), notes)


def _region(
    dataset: netCDF4.Dataset, field: RadarField, axes: Axes, crop: Crop, where: str
) -> Window:
    """Rows and columns of a crop; only coordinates are read."""
    for side in axes.shape(field.variable, (WHOLE, WHOLE, WHOLE))[1:]:
        check_side(side, where)
    grid, _ = read_grid(dataset, field.variable, (axes.y, axes.x))
    return crop.window(grid, where)


def _times(dataset: netCDF4.Dataset, field: RadarField, axes: Axes, where: str) -> FrameTimes:
    clock = time_coordinate(dataset, field.variable, axes, where)
    return frame_times(dataset, clock, field.variable, field.unit, where)


def netcdf_header(path: Path, variable: str | None = None) -> FileHeader:
    """What a file holds; no value is read.

    Args:
        path: The file.
        variable: Name of the field; None: found by standard name or units.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        field = find_field(dataset, variable, path.name)
        check_observed_netcdf(dataset, path.name)
        axes = find_axes(dataset, field.variable, path.name)
        InputContract().check_size((axes.frames(field.variable), 1, 1), path.name)
        times = _times(dataset, field, axes, path.name).times
        stated = short(str(getattr(field.variable, "units", "")))
        name = short(field.variable.name)
        return FileHeader(times, field.unit.of_stream, "CF NetCDF", name, stated)


def netcdf_shape(path: Path, variable: str | None = None) -> tuple[int, int, int]:
    """(time, y, x) of the radar field of a file, read from its header alone.

    Args:
        path: The file.
        variable: Name of the field; None: found by standard name or units.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        field = find_field(dataset, variable, path.name)
        axes = find_axes(dataset, field.variable, path.name)
        return axes.shape(field.variable, (WHOLE, WHOLE, WHOLE))


def _read(
    variable: Variable, axes: Axes, window: tuple[slice, ...], codes: FieldCodes
) -> FloatArray:
    """Unpacked float32 (time, y, x), NaN where missing; read in blocks to spare memory."""
    shape = axes.shape(variable, window)
    values = np.empty(shape, np.float32)
    frames = range(axes.frames(variable))[window[0]]
    block = max(1, BLOCK_PIXELS // max(1, shape[1] * shape[2]))
    for start in range(0, len(frames), block):
        part = frames[start : start + block]
        chosen = slice(part.start, None if part.stop < 0 else part.stop, part.step)
        stored = np.asarray(variable[axes.index(variable, (chosen, *window[1:]))])
        values[start : start + block] = axes.arranged(variable, codes.values(stored))
    return values


def _reflectivity(
    values: FloatArray, field: RadarField, codes: FieldCodes, factor: Factor, where: str
) -> tuple[FloatArray, float]:
    """Values in dBZ, and the floor of the product in dBZ; a factor turns rain into mm/h."""
    if field.unit.is_rain:
        relation = ZR.of_attributes(field.attributes)
        values = relation.reflectivity_dbz(values * factor, where=where)
        check_strongest(values, where, DECLARE)
        return values, NO_RAIN_DBZ
    lowest = check_reflectivity(values, where, DECLARE)
    floor = codes.floor()
    if floor is None:
        return values, min(lowest, 0.0) if np.isfinite(lowest) else 0.0
    check_floor(floor, lowest, where, "no_rain_value")
    return values, floor


def provenance(dataset: netCDF4.Dataset, field: RadarField) -> dict[str, str]:
    """What the file says of where its data come from, and its Z-R relation."""
    given = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
    given.update(field.attributes)
    return {name: str(given[name]) for name in PROVENANCE if name in given}
