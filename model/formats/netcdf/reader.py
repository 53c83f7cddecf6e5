"""CF NetCDF in: find the radar field, check what its header claims, then read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import short
from echocast.model.formats.crop import Crop
from echocast.model.formats.header import FileHeader
from echocast.model.formats.netcdf.access import damage_is_unreadable, open_netcdf
from echocast.model.formats.netcdf.dataset import WHOLE, RadarDataset
from echocast.model.frames import Frames

FrameChooser = Callable[[Sequence[datetime]], slice]


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
        radar = RadarDataset.of(dataset, variable, path.name)
        limits, field = contract or InputContract(), radar.field.variable
        where = f"Variable {short(field.name)!r} of {path.name}"
        if time_slice is None and choose is not None:
            limits.check_size((radar.axes.frames(field), 1, 1), where)
            time_slice = choose(radar.times.times)
        if crop is not None and not crop.is_whole:
            y_slice, x_slice = radar.region(crop)
        window = (time_slice or WHOLE, y_slice or WHOLE, x_slice or WHOLE)
        shape = radar.axes.shape(field, window)
        limits.check_size(shape, where)
        claimed = int(np.prod(shape)) * field.dtype.itemsize
        limits.check_claim(claimed, path.stat().st_size, f"Variable {short(field.name)!r}")
        return radar.frames(window)


def netcdf_header(path: Path, variable: str | None = None) -> FileHeader:
    """What a file holds; no value is read.

    Args:
        path: The file.
        variable: Name of the field; None: found by standard name or units.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        radar = RadarDataset.of(dataset, variable, path.name)
        field = radar.field.variable
        InputContract().check_size((radar.axes.frames(field), 1, 1), path.name)
        stated, name = short(str(getattr(field, "units", ""))), short(field.name)
        unit = radar.field.unit.of_stream
        _, *shape = radar.shape
        return FileHeader(radar.times.times, unit, "CF NetCDF", name, stated, (shape[0], shape[1]))
