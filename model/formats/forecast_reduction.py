"""A forecast file with less in it: products and lead times go, what stays is the same bit for bit.

Values are copied as they are packed; nothing is computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from echocast.model.formats.cf_layout import open_forecast
from echocast.model.formats.forecast_attributes import time_attributes
from echocast.model.formats.forecast_storage import NOT_STORED, ForecastStorage, Level, not_stored
from echocast.model.formats.netcdf.access import Variable, new_classic_netcdf, open_netcdf
from echocast.model.formats.netcdf.times import read_scalar_time, read_times


def reduce_forecast(source: Path, target: Path, storage: ForecastStorage) -> None:
    """Copy of a forecast file what shall stay.

    Args:
        source: As :func:`.forecast_writer.write_forecast_stream` wrote it.
        target: The new file.
        storage: What shall stay; where no lead time is as short, the first one does.

    Raises:
        UnreadableInput: The source is damaged or not NetCDF.
        UnsupportedInput: It is NetCDF, but not one of our forecasts.
        OSError: The target can't be written as a whole.
    """
    with open_forecast(source) as old:
        old.set_auto_maskandscale(False)
        leads = [storage.stores(float(lead)) for lead in old.variables["forecast_period"][:]]
        count = max(1, sum(leads))
        small = old.data_model != "NETCDF4"
        with new_classic_netcdf(target) if small else open_netcdf(target, "w") as new:
            attributes = {name: old.getncattr(name) for name in old.ncattrs()} | _times(old, count)
            new.setncatts({**attributes, NOT_STORED: ", ".join(_left_out(old, storage, count))})
            for name, dimension in old.dimensions.items():
                new.createDimension(name, count if name == "time" else len(dimension))
            for name in _staying(old.variables, storage.left_out):
                _copy(old.variables[name], new, storage.compression_level)


def _times(old: netCDF4.Dataset, count: int) -> dict[str, str]:
    """What the file says of its times, when so many lead times are left."""
    reference = read_scalar_time(old.variables["forecast_reference_time"])
    return time_attributes(reference, read_times(old.variables["time"], "time")[:count])


def _left_out(old: netCDF4.Dataset, storage: ForecastStorage, count: int) -> list[str]:
    """What the new file goes without; lead times by the last one that stays."""
    before = [item for item in not_stored(old) if not item.startswith("lead")]
    gone = [name for name in storage.left_out if name in old.variables]
    leads = old.variables["forecast_period"][:]
    earlier = [item for item in not_stored(old) if item.startswith("lead")]
    later = [f"lead times after {leads[count - 1]:g} minutes"] if count < len(leads) else earlier
    return [*before, *gone, *later]


def _staying(variables: Mapping[str, Variable], left_out: Collection[str]) -> Iterator[str]:
    """Names of the variables that stay; those of thresholds go with their probabilities."""
    gone = {*left_out, *({"threshold"} if "exceedance_probability" in left_out else ())}
    return (name for name in variables if name not in gone)


def _copy(old: Variable, new: netCDF4.Dataset, level: Level) -> None:
    attributes = {name: old.getncattr(name) for name in old.ncattrs()}
    variable = new.createVariable(
        old.name,
        old.dtype,
        old.dimensions,
        fill_value=attributes.pop("_FillValue", None),
        **_filters(old, new, level),
    )
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes)
    plane = tuple(slice(0, count) for count in variable.shape[-2:])
    for index in np.ndindex(variable.shape[:-2]):  # a plane at a time is in memory
        part = (*index, *plane) or ...
        variable[part] = old[part]


def _filters(old: Variable, new: netCDF4.Dataset, level: Level) -> dict[str, Any]:
    """Chunks as they were, where they fit; compression as before, at that level."""
    if new.data_model != "NETCDF4" or not (old.filters() or {}).get("zlib"):
        return {}
    shape = [len(new.dimensions[name]) for name in old.dimensions]
    sides: list[int] = list(old.chunking())  # type: ignore[arg-type]
    chunks = [min(pair) for pair in zip(sides, shape, strict=True)]
    return {"compression": "zlib", "complevel": level, "shuffle": True, "chunksizes": chunks}
