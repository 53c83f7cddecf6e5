"""Small radar files and forecasts made for tests."""

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np

from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.projections import cf_attributes
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.synthetic.storms import storm

# The grids of the event files, as our own few pixels: projection attributes and PROJ string.
PROJECTIONS = {
    "polar stereographic": "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=25 +R=6371288 +units=m",
    "lambert azimuthal": "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84",
    "albers": "+proj=aea +lat_0=-27.7 +lon_0=153.2 +lat_1=-26.2 +lat_2=-29.3 +ellps=GRS80",
    "lambert conformal": "+proj=lcc +lat_0=46 +lon_0=10 +lat_1=44 +lat_2=48 +ellps=WGS84",
    "oblique mercator": "+proj=somerc +lon_0=7.44 +lat_0=46.95 +x_0=600000 +y_0=200000"
    " +ellps=bessel",
    "longitude latitude": "+proj=longlat +datum=WGS84",
}


def projected_grid(name: str, height: int = 24, width: int = 20) -> Grid:
    from pyproj import CRS

    crs = CRS.from_user_input(PROJECTIONS[name])
    geographic = crs.is_geographic
    side = 0.01 if geographic else 1000.0
    y = 48.0 - np.arange(height) * side if geographic else -np.arange(height) * side
    return Grid(
        y=np.asarray(y, float),
        x=np.arange(width) * side,
        units="degree" if geographic else "m",
        crs=cf_attributes(crs),
    )


def on_grid(frames: Frames, grid: Grid) -> Frames:
    height, width = grid.shape
    values = frames.reflectivity_dbz[:, :height, :width]
    return Frames(values, frames.times, grid, frames.no_rain_dbz, frames.attributes)


def small_storm(frames: int = 20, height: int = 24, width: int = 20, **settings: Any) -> Frames:
    return storm(3, frames=frames, height=height, width=width, **settings)


def forecast_of(
    frames: Frames, *, probabilities: bool = False, seed: int = 0
) -> tuple[Forecast, Frames]:
    """A made-up forecast from the first half of some frames, and the second half."""
    half = len(frames) // 2
    inputs, observed = frames[:half], frames[half:]
    newest = np.repeat(inputs.reflectivity_dbz[-1:], len(observed), axis=0)
    values = np.roll(newest, 1, axis=2)
    values[:, :2] = np.nan
    random = np.random.default_rng(seed)
    values = values + random.normal(0, 0.7, values.shape).astype(np.float32)
    chances = random.random((3, *values.shape), dtype=np.float32)
    chances[:, np.isnan(values)] = np.nan
    forecast = Forecast(
        frames=observed.with_values(values, observed.times),
        extrapolation=observed.with_values(values - 1, observed.times),
        persistence=observed.with_values(
            np.where(np.isnan(values), np.nan, newest), observed.times
        ),
        forecast_reference_time=inputs.times[-1],
        model=ModelIdentity("radar-small", "2026.1", "ab" * 32),
        input_sha256=inputs.sha256(),
        exceedance_thresholds_dbz=(30.0, 40.0, 50.0) if probabilities else (),
        exceedance_probability=chances if probabilities else None,
        quality={"pixel_size": "assumed"},
    )
    return forecast, observed


def raw_netcdf(
    path: Path,
    values: Any,
    *,
    units: str | None = "dBZ",
    dtype: str = "f4",
    time_units: str = "minutes since 2026-07-01 12:00:00",
    times: Any = None,
    **attributes: Any,
) -> Path:
    """A bare NetCDF file with a variable ``field(time, y, x)`` and a time coordinate."""
    values = np.ma.asarray(values)
    with netCDF4.Dataset(str(path), "w") as dataset:
        for name, size in zip(("time", "y", "x"), values.shape, strict=True):
            dataset.createDimension(name, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = time_units
        time[:] = np.arange(values.shape[0]) * 5.0 if times is None else times
        fill = attributes.pop("_FillValue", None)
        field = dataset.createVariable("field", dtype, ("time", "y", "x"), fill_value=fill)
        if units is not None:
            field.units = units
        field.setncatts(attributes)
        field[:] = values
    return path


def odim_file(
    path: Path,
    raw: Any,
    *,
    quantity: str = "DBZH",
    time: str = "120000",
    what_in: str = "data",
    gain: float = 0.5,
    offset: float = -32.0,
    **where: Any,
) -> Path:
    """An ODIM_H5 composite; its quantity sits where the 2024 (data) or 2018 (dataset) files do."""
    raw = np.asarray(raw)
    places = {
        "projdef": np.bytes_(PROJECTIONS["lambert azimuthal"]),
        "xsize": raw.shape[1],
        "ysize": raw.shape[0],
        "xscale": 2000.0,
        "yscale": 2000.0,
        **corners(raw.shape),
        **where,
    }
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_4")
        what = file.create_group("what")
        what.attrs.update(
            {
                "object": np.bytes_("COMP"),
                "date": np.bytes_("20260701"),
                "time": np.bytes_(time),
                "source": np.bytes_("ORG:247"),
            }
        )
        file.create_group("where").attrs.update(
            {name: value for name, value in places.items() if value is not None}
        )
        dataset = file.create_group("dataset1")
        data = dataset.create_group("data1")
        data["data"] = raw
        holder = (data if what_in == "data" else dataset).create_group("what")
        holder.attrs.update(
            {
                "quantity": np.bytes_(quantity),
                "gain": gain,
                "offset": offset,
                "nodata": 255.0,
                "undetect": 0.0,
            }
        )
    return path


def odim_span(path: Path, start: str | None, end: str | None, *, group: str = "dataset1") -> Path:
    """An ODIM_H5 file, with the start and the end (HHMMSS) of its data on the day of the file."""
    with h5py.File(path, "a") as file:
        what = file.require_group(f"{group}/what")
        for name, clock in (("start", start), ("end", end)):
            if clock is not None:
                what.attrs[f"{name}date"] = np.bytes_("20260701")
                what.attrs[f"{name}time"] = np.bytes_(clock)
    return path


def corners(shape: tuple[int, ...], side: float = 2000.0) -> dict[str, float]:
    """Outer corners, in degrees, of a grid whose north-west corner is the origin."""
    from pyproj import CRS, Transformer

    crs = CRS.from_user_input(PROJECTIONS["lambert azimuthal"])
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    made = {}
    for name, x, y in (("UL", 0.0, 0.0), ("LR", shape[1] * side, -shape[0] * side)):
        made[f"{name}_lon"], made[f"{name}_lat"] = to_degrees.transform(x, y)
    return made
