"""CF NetCDF files of random conventions (CF 1.11; NetCDF User's Guide on missing values)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.random import Generator

from tests.differential.truth import (
    PROJECTIONS,
    Truth,
    Values,
    degrees,
    drawn_rain,
    drawn_times,
    picked,
    plane,
    rates_as_dbz,
)

UNITS = {  # spelling, standard name, mm/h of one unit; None: dBZ
    "dBZ": ("equivalent_reflectivity_factor", None),
    "mm/h": ("rainfall_rate", 1.0),
    "mm h-1": ("lwe_precipitation_rate", 1.0),
    "kg m-2 s-1": ("rainfall_flux", 3600.0),
    "m s-1": ("rainfall_rate", 3.6e6),
    "mm s-1": ("lwe_precipitation_rate", 3600.0),
    "mm.h-1": ("rainfall_rate", 1.0),
    "kg/(m2 h)": ("precipitation_flux", 1.0),
    "l m-2 min-1": ("lwe_precipitation_rate", 60.0),
    "1e-3 m h-1": ("lwe_precipitation_rate", 1.0),
    "mm/day": ("lwe_precipitation_rate", 1 / 24),
}
AMOUNTS = {  # spelling, standard name, mm of one unit
    "mm": ("rainfall_amount", 1.0),
    "kg m-2": ("precipitation_amount", 1.0),
    "0.01 mm": ("rainfall_amount", 0.01),
    "m": ("lwe_thickness_of_precipitation_amount", 1000.0),
}
NAMED_ONLY = ("m s-1", "1e-3 m h-1", "kg m-2", "m")  # without a standard name perhaps not of rain
DATES = (  # of midnight UTC of a day, in the ways that CF allows
    "{0:%Y-%m-%d} 00:00:00",
    "{0:%Y-%m-%dT00:00:00Z}",
    "{0:%Y-%m-%d} 00:00:00 UTC",
    "{0:%Y-%m-%d}",
    "{0.year}-{0.month}-{0.day} 0:0:0",
    "{0:%Y-%m-%d} 02:00:00 +02:00",
    "{0:%Y-%m-%d} 05:30:00 5:30",
    "{1:%Y-%m-%d} 18:00:00 -6:00",
    "{1:%Y-%m-%d} 20:30:00-0330",
    "{0:%Y-%m-%d} 2 +2",
    "{0:%Y%m%d}T000000",
)
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "min": 60, "h": 3600}
STAMPS = {"end": 0.0, "start": 1.0, "middle": 0.5}  # how far before the end, as a share


@dataclass(frozen=True)
class Coding:
    """How values become numbers of a file.

    Args:
        dtype: Of the stored numbers.
        scale: Value of one count.
        offset: Value of count 0.
        attributes: Packing, codes and limits.
        missing: Stored numbers that mean missing.
    """

    dtype: str
    scale: float
    offset: float
    attributes: dict[str, Any]
    missing: tuple[float, ...]


def cf_file(path: Path, draw: Generator) -> Truth:
    """Write one file; what it means."""
    count, height, width = 3, int(draw.integers(16, 22)), int(draw.integers(23, 30))
    times = drawn_times(draw, count)
    units = picked(draw, *UNITS, *AMOUNTS)
    name, factor = {**UNITS, **AMOUNTS}[units]
    if units in AMOUNTS:
        factor *= timedelta(hours=1) / (times[1] - times[0])
    rain = drawn_rain(draw, (count, height, width), rates=factor is not None) / (factor or 1.0)
    coding = _coding(draw, float(rain.min()), float(rain.max()))
    raw, values = _stored(draw, coding, rain)
    bounded = units in AMOUNTS or (factor is not None and picked(draw, True, False))
    with netCDF4.Dataset(path, "w", format=_format(draw, coding)) as file:
        place = _Place.draw(draw, (height, width))
        order = _order(draw, place)
        place.write(file, draw)
        clock = _write_times(file, draw, times, bounded=bounded)
        extra = picked(draw, (), (), ("level",))
        if extra:
            file.createDimension("level", 1)
        names = {"t": "time", "y": place.names[0], "x": place.names[1]}
        dimensions = (*extra, *(names[axis] for axis in order))
        fill = coding.attributes.get("_FillValue", False)
        variable = file.createVariable("rain", coding.dtype, dimensions, fill_value=fill)
        variable.set_auto_maskandscale(False)
        given = {k: v for k, v in coding.attributes.items() if k != "_FillValue"}
        variable.setncatts({**given, "units": units, **place.mapping(file)})
        if picked(draw, True, False) or units in NAMED_ONLY:
            variable.standard_name = name
        arranged = np.transpose(raw, ["tyx".index(axis) for axis in order])
        variable[...] = arranged[(None,) * len(extra)]
        if picked(draw, True, False):
            other = file.createVariable("quality", "i1", dimensions, fill_value=False)
            other.units = "1"
        choices = {"units": units, "order": order, "clock": clock, "place": place.kind}
    dbz = values if factor is None else rates_as_dbz(values * factor)
    known = place.degrees()
    coded = {"dtype": coding.dtype, **{k: repr(v) for k, v in coding.attributes.items()}}
    return Truth([path], dbz, times, *known, choices={**choices, **coded})


def _format(draw: Generator, coding: Coding) -> str:
    """A format that has numbers of this type."""
    drawn = picked(draw, "NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA")
    return "NETCDF4" if coding.dtype[0] == "u" else str(drawn)


def _coding(draw: Generator, low: float, high: float) -> Coding:
    """Counts or floating-point numbers that reach from low to high, with codes beside them."""
    dtype = picked(draw, "u1", "i1", "i2", "u2", "i4", "f4", "f8")
    if dtype[0] == "f":
        return _floats(draw, dtype)
    info = np.iinfo(dtype)
    first, last = (info.min + 4, info.max - 4) if info.bits == 8 else (-2000, 30_000)
    first = max(first, info.min + 4)
    scale = (high - low) / (last - first) * picked(draw, 1, 1, -1)
    offset = low - scale * first if scale > 0 else high - scale * first
    attributes: dict[str, Any] = {"scale_factor": scale, "add_offset": offset}
    kind = np.dtype(dtype).type
    codes: tuple[float, ...] = (info.max, info.min)[: picked(draw, 1, 2)]
    way = picked(draw, "fill", "missing_value", "both", "wide", "range", "unpacked range")
    if way in ("fill", "both", "range", "unpacked range"):
        attributes["_FillValue"] = kind(codes[0])
    if way == "missing_value" or (way == "both" and len(codes) > 1):
        attributes["missing_value"] = kind(codes[-1])
        codes = codes if way == "both" else codes[-1:]
    if way == "wide":  # a code of a wider type than the data
        attributes["missing_value"] = np.int32(codes[0]) if info.bits < 32 else float(codes[0])
    if way in ("fill", "both", "wide"):
        codes = codes if way == "both" and len(codes) > 1 else codes[:1]
    if way == "range":
        attributes["valid_range"] = np.array([first, last], dtype)
        codes = (codes[0], info.min + 1)
    if way == "unpacked range":
        ends = sorted((offset + scale * (first - 0.5), offset + scale * (last + 0.5)))
        attributes["valid_range"] = np.array(ends)
        codes = (codes[0], info.min + 1)
    return Coding(dtype, scale, offset, attributes, codes)


def _floats(draw: Generator, dtype: str) -> Coding:
    way = picked(draw, "nan", "fill", "missing_value", "double", "1e20", "pair")
    kind = np.dtype(dtype).type
    attributes: dict[str, Any] = {}
    code: tuple[float, ...] = {"nan": (np.nan,), "1e20": (float(kind(1e20)),)}.get(way, (-999.9,))
    if way in ("fill", "1e20"):
        attributes["_FillValue"] = kind(code[0])
    if way == "missing_value":
        attributes["missing_value"] = kind(code[0])
    if way == "double":  # beside data of 32 bits
        attributes["missing_value"] = np.float64(-999.9)
    if way == "pair":
        attributes["missing_value"] = np.array([-999.9, -888.8], dtype)
        code = (-999.9, -888.8)
    return Coding(dtype, 1.0, 0.0, attributes, code)


def _stored(draw: Generator, coding: Coding, rain: Values) -> tuple[Any, Values]:
    """Stored numbers, and what they mean."""
    plain = (rain - coding.offset) / coding.scale
    raw = (np.rint(plain) if coding.dtype[0] != "f" else plain).astype(coding.dtype)
    values = raw.astype(np.float64) * coding.scale + coding.offset
    for code in coding.missing:
        gone = draw.random(rain.shape) < 0.05
        raw[gone] = np.array(code).astype(coding.dtype)
        values[gone] = np.nan
    return raw, values


def _write_times(
    file: netCDF4.Dataset, draw: Generator, times: list[datetime], *, bounded: bool
) -> str:
    """Times, perhaps with bounds that end at them; then the stamps lie anywhere within."""
    file.createDimension("time", len(times))
    unit, dtype = picked(draw, *SECONDS), picked(draw, "f8", "i4", "i8")
    stamp = picked(draw, *STAMPS) if bounded else "end"
    long_ago = picked(draw, True, False)
    day = times[0].replace(hour=0, minute=0) - timedelta(days=365 if long_ago else 0)
    if SECONDS[unit] > 60 or (stamp == "middle" and SECONDS[unit] > 1):
        dtype = "f8"
    if dtype == "i8" and file.data_model not in ("NETCDF4", "NETCDF3_64BIT_DATA"):
        dtype = "i4"
    variable = file.createVariable("time", dtype, ("time",))
    variable.units = f"{unit} since {picked(draw, *DATES).format(day, day - timedelta(days=1))}"
    if picked(draw, True, False):
        variable.standard_name = "time"
    if picked(draw, True, False):
        variable.calendar = picked(draw, "standard", "gregorian", "proleptic_gregorian")
    ends = np.array([(time - day).total_seconds() for time in times]) / SECONDS[unit]
    step = ends[1] - ends[0]
    variable[:] = ends - STAMPS[stamp] * step
    if bounded:
        variable.bounds = "time_bnds"
        file.createDimension("bnds", 2)
        bounds = file.createVariable("time_bnds", "f8", ("time", "bnds"))
        bounds[:] = np.stack([ends - step, ends], axis=1)
    return f"{variable.units} {dtype} {stamp}"


def _order(draw: Generator, place: _Place) -> str:
    """The order of the dimensions; the usual one where nothing tells them apart."""
    return picked(draw, "tyx", "tyx", "txy", "yxt", "xyt") if place.names_dimensions else "tyx"


class _Place:
    """Coordinates of a file, one of many ways to write them."""

    def __init__(self, kind: str, shape: tuple[int, int]) -> None:
        self.kind, self.shape = kind, shape
        self.names, self.marks, self.km = ("y", "x"), "", False
        self.crs: Any = None
        self.x = self.y = np.empty(0)
        if kind == "degrees":
            self.y, self.x = 50 - 0.02 * np.arange(shape[0]), 8 + 0.03 * np.arange(shape[1])
        elif kind != "none":
            self.crs, self.x, self.y = plane(kind, shape)

    @classmethod
    def draw(cls, draw: Generator, shape: tuple[int, int]) -> _Place:
        place = cls(picked(draw, "none", "degrees", "degrees", *PROJECTIONS), shape)
        if place.kind == "none":
            place.names = picked(draw, ("y", "x"), ("rows", "columns"))
            return place
        if picked(draw, True, False):
            place.y = place.y[::-1].copy()  # southernmost row first
        place.marks = picked(draw, "axis", "standard_name", "units", "all")
        if place.kind == "degrees":
            place.names = picked(draw, ("lat", "lon"), ("latitude", "longitude"), ("a", "b"))
        else:
            place.names = picked(draw, ("y", "x"), ("northing", "easting"), ("a", "b"))
            place.km = bool(picked(draw, True, False, False))
        return place

    @property
    def names_dimensions(self) -> bool:
        """Whether the file says which dimension is which."""
        if self.kind == "none":
            return False
        return self.kind == "degrees" or self.marks != "units"

    def write(self, file: netCDF4.Dataset, draw: Generator) -> None:
        for name, size in zip(self.names, self.shape, strict=True):
            file.createDimension(name, size)
        if self.kind == "none":
            return
        for index, values in enumerate((self.y, self.x)):
            variable = file.createVariable(self.names[index], "f8", (self.names[index],))
            variable.setncatts(self._attributes(index))
            variable[:] = values / 1000 if self.km else values
        if self.crs is not None:
            mapping = file.createVariable("crs", "i4")
            way = picked(draw, "cf", "crs_wkt", "spatial_ref")
            words = self.crs.to_cf()
            words.pop("crs_wkt")
            mapping.setncatts(words if way == "cf" else {way: self.crs.to_wkt()})

    def _attributes(self, index: int) -> dict[str, str]:
        geographic = self.kind == "degrees"
        names = ("latitude", "longitude") if geographic else None
        standard = names or ("projection_y_coordinate", "projection_x_coordinate")
        units = ("degrees_north", "degrees_east") if geographic else (("m", "km")[self.km],) * 2
        attributes = {"units": units[index]}
        if self.marks in ("axis", "all"):
            attributes["axis"] = "YX"[index]
        if self.marks in ("standard_name", "all"):
            attributes["standard_name"] = standard[index]
        return attributes

    def mapping(self, file: netCDF4.Dataset) -> dict[str, str]:
        return {"grid_mapping": "crs"} if "crs" in file.variables else {}

    def degrees(self) -> tuple[Values | None, Values | None]:
        if self.kind == "none":
            return None, None
        if self.crs is None:
            return np.meshgrid(self.x, self.y)[1], np.meshgrid(self.x, self.y)[0]
        return degrees(self.crs, self.x, self.y)
