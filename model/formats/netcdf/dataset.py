"""RadarDataset: the radar field of an open dataset, with its times and its place, read in parts.

Values may lie elsewhere than what describes them, as they do in a Zarr archive: attributes and
coordinates are checked and values are understood here, whoever stores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

import netCDF4
import numpy as np

from echocast.model.formats.crop import Crop, Window
from echocast.model.formats.earlier_notes import earlier_notes
from echocast.model.formats.grid_checks import check_side
from echocast.model.formats.intervals import Factor, FrameTimes
from echocast.model.formats.netcdf.axes import Axes, find_axes, time_coordinate
from echocast.model.formats.netcdf.codes import DECLARE, FieldCodes
from echocast.model.formats.netcdf.field import RadarField, find_field
from echocast.model.formats.netcdf.geolocation import check_agreement
from echocast.model.formats.netcdf.grid import read_grid
from echocast.model.formats.netcdf.interval import frame_times
from echocast.model.formats.observed import check_observed_netcdf
from echocast.model.formats.plausible import check_floor, check_reflectivity, check_strongest
from echocast.model.frames import Frames, joined_notes
from echocast.model.grid import FloatArray, Grid
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR

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


class StoredValues(Protocol):
    """Where the stored values of a field lie: an index gives a part, masked where nothing is."""

    def __getitem__(self, index: tuple[slice | int, ...], /) -> Any: ...


@dataclass(frozen=True)
class RadarDataset:
    """The radar field of an open dataset.

    Args:
        dataset: Open as long as this is used.
        field: Its radar field.
        axes: Of the field.
        where: Names the dataset in messages.
    """

    dataset: netCDF4.Dataset
    field: RadarField
    axes: Axes
    where: str

    @classmethod
    def of(cls, dataset: netCDF4.Dataset, variable: str | None, where: str) -> Self:
        """Find the radar field; neither times nor values are read.

        Args:
            dataset: Open.
            variable: Name of the field; None: found by standard name or units.
            where: Names the dataset in messages.

        Raises:
            ContractViolation: There is no such field, it is a forecast, or has other axes.
        """
        field = find_field(dataset, variable, where)
        check_observed_netcdf(dataset, where)
        return cls(dataset, field, find_axes(dataset, field.variable, where), where)

    @cached_property
    def times(self) -> FrameTimes:
        """When all frames are valid.

        Raises:
            ContractViolation: They break a rule.
        """
        clock = time_coordinate(self.dataset, self.field.variable, self.axes, self.where)
        return frame_times(self.dataset, clock, self.field.variable, self.field.unit, self.where)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(time, y, x) of the whole field."""
        return self.axes.shape(self.field.variable, (WHOLE, WHOLE, WHOLE))

    def grid(self, rows: slice = WHOLE, columns: slice = WHOLE) -> Grid:
        """Where pixels are; only coordinates are read."""
        plane = (self.axes.y, self.axes.x)
        return read_grid(self.dataset, self.field.variable, plane, (rows, columns))[0]

    def region(self, crop: Crop) -> Window:
        """Rows and columns of a crop; only coordinates are read.

        Raises:
            ContractViolation: It is outside, too small, or the grid has no place.
        """
        for side in self.shape[1:]:
            check_side(side, self.where)
        return crop.window(self.grid(), self.where)

    def frames(
        self, window: tuple[slice, slice, slice], stored: StoredValues | None = None
    ) -> Frames:
        """The frames of a window.

        Args:
            window: Along time, y and x.
            stored: Where the values lie; None: in the dataset.

        Raises:
            ContractViolation: They break a rule.
        """
        field, where = self.field, self.where
        plane = (self.axes.y, self.axes.x)
        times = self.times
        grid, place = read_grid(self.dataset, field.variable, plane, window[1:])
        check_agreement(grid, where)
        factor = times.factor(field.unit, window[0])
        codes = FieldCodes(field, factor, where)
        values = self._values(window, codes, field.variable if stored is None else stored)
        earlier = earlier_notes(field.attributes)
        noted = [earlier, field.notes, times.notes, self.axes.notes, place, codes.check()]
        values, floor = _reflectivity(values, field, codes, factor, where)
        origin = provenance(self.dataset, field)
        return Frames(values, times.times[window[0]], grid, floor, origin, joined_notes(noted))

    def _values(
        self, window: tuple[slice, slice, slice], codes: FieldCodes, stored: StoredValues
    ) -> FloatArray:
        """Unpacked float32 (time, y, x), NaN where missing; read in blocks to spare memory."""
        variable, axes = self.field.variable, self.axes
        shape = axes.shape(variable, window)
        values = np.empty(shape, np.float32)
        frames = range(axes.frames(variable))[window[0]]
        block = max(1, BLOCK_PIXELS // max(1, shape[1] * shape[2]))
        for start in range(0, len(frames), block):
            part = frames[start : start + block]
            chosen = slice(part.start, None if part.stop < 0 else part.stop, part.step)
            raw = stored[axes.index(variable, (chosen, *window[1:]))]
            measured = codes.values(np.asarray(np.ma.getdata(raw)))
            if np.ma.is_masked(raw):
                measured = np.where(np.ma.getmaskarray(raw), np.float32(np.nan), measured)
            values[start : start + block] = axes.arranged(variable, measured)
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
