"""``echocast.nowcast``: radar as xarray in, the forecast as xarray out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from echocast.model.cli.nowcast_files import nowcast_files
from echocast.model.cli.progress import late_progress
from echocast.model.formats.netcdf.access import library_lock
from echocast.model.formats.reading import Reading
from echocast.model.library.given_arrays import Labelled, given_file
from echocast.model.nowcaster import shipped_nowcaster

if TYPE_CHECKING:
    from echocast.model.nowcaster import Nowcaster


def nowcast(
    radar: Labelled,
    *,
    units: str | None = None,
    variable: str | None = None,
    nowcaster: Nowcaster | None = None,
    leads: int | None = None,
    institution: str = "",
) -> xr.Dataset:
    """Forecast the frames after the newest one.

    The last ten frames are used, and only those are computed where the array is lazy (dask).

    Example:
        >>> radar = echocast.read("event/*.h5")
        >>> forecast = echocast.nowcast(radar.sel(time=slice(None, "2026-07-01T12:00")))
        >>> forecast.exceedance_probability.sel(threshold=35).isel(time=5).plot()

    Args:
        radar: (time, y, x) in dBZ, a rain rate, or an amount of rain over a known interval, NaN
            where missing: a DataArray, or a Dataset with one such field. As in files, ``time`` is
            UTC, and coordinates and ``grid_mapping`` say where pixels are.
        units: Of a DataArray that has no attribute ``units``.
        variable: Name of the field, where a Dataset has several.
        nowcaster: What forecasts; None: the shipped model.
        leads: Lead times, at most 24 and to 120 minutes; those after the network's are scale-damped
            extrapolation of its last one. None: as many as the network makes.
        institution: Who makes the forecast; empty: not stated.

    Returns:
        What ``echocast nowcast`` writes, as xarray reads it, on the same grid: ``reflectivity`` and
        others (time, y, x) in dBZ, ``exceedance_probability`` (threshold, time, y, x) in 0..1; NaN
        where no forecast is possible; ``lead_source`` (time) is a flag of what makes each lead
        time. ``quality`` of its attributes (JSON) is worth reading.

    Raises:
        InputError: The radar breaks a rule of the input, or there are too many lead times; the
            sentence names it.
    """
    model = nowcaster or shipped_nowcaster()
    newest = slice(-model.input_frames, None)
    with given_file(radar, units, newest) as path, late_progress("Forecasting") as shown:
        output = path.with_name("forecast.nc")
        nowcast_files(
            model,
            [path],
            output,
            reading=Reading(variable),
            leads=leads,
            institution=institution,
            progress=shown.advance,
        )
        return load_forecast(output)


def load_forecast(path: Path) -> xr.Dataset:
    """A forecast file as a Dataset in memory, with its grid mapping as a coordinate."""
    with library_lock():
        loaded = xr.load_dataset(path, engine="netcdf4", decode_coords="all", decode_timedelta=True)
    loaded.encoding.pop("source", None)
    for variable in loaded.variables.values():
        variable.encoding.pop("source", None)
    return loaded
