"""Zarr archives of synthetic weather, as other programs write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from echocast.model.frames import Frames

LAEA = (
    'PROJCRS["ETRS89 / LAEA",BASEGEOGCRS["ETRS89",DATUM["European Terrestrial Reference System'
    ' 1989",ELLIPSOID["GRS 1980",6378137,298.257222101]]],CONVERSION["LAEA",METHOD["Lambert'
    ' Azimuthal Equal Area",ID["EPSG",9820]],PARAMETER["Latitude of natural origin",52],'
    'PARAMETER["Longitude of natural origin",10],PARAMETER["False easting",4321000],'
    'PARAMETER["False northing",3210000]],CS[Cartesian,2],AXIS["easting (X)",east],'
    'AXIS["northing (Y)",north],LENGTHUNIT["metre",1]]'
)


def write_zarr(
    path: Path | str,
    frames: Frames,
    *,
    name: str = "equivalent_reflectivity_factor",
    values: Any = None,
    attributes: Mapping[str, Any] | None = None,
    times: Sequence[float] | None = None,
    clock: str = "seconds since 1970-01-01",
    dtype: Any = np.float32,
    fill: Any = np.nan,
    chunks: tuple[int, int, int] | None = None,
    version: int = 3,
    **options: Any,
) -> Any:
    """Write frames in the layout of mlcast; returns the open group.

    Args:
        values: (time, y, x) as stored; None: reflectivity.
        attributes: Of the field, beside its grid mapping.
        times: In units of ``clock``; None: those of the frames, in seconds.
        fill: Of the store, for values that it does not have.
        chunks: None: a frame each.
    """
    group = zarr.open_group(path, mode="w", zarr_format=version)
    count, (height, width) = len(frames), frames.grid.shape
    known = attributes or {
        "standard_name": "equivalent_reflectivity_factor",
        "units": "dBZ",
        "no_rain_value": frames.no_rain_dbz,
    }
    field = _array(
        group,
        name,
        ("time", "y", "x"),
        (count, height, width),
        dtype,
        fill,
        {"grid_mapping": "crs", **known},
        chunks=chunks or (1, height, width),
        **options,
    )
    field[:] = frames.reflectivity_dbz if values is None else values
    seconds = [time.timestamp() for time in frames.times]
    _axis(group, "time", times or seconds, {"standard_name": "time", "units": clock})
    for axis, places in (("y", frames.grid.y), ("x", frames.grid.x)):
        facts = {"standard_name": f"projection_{axis}_coordinate", "units": "m"}
        _axis(group, axis, places + 4e6, facts)
    crs = _array(group, "crs", (), (), np.int32, None, {"crs_wkt": LAEA, "spatial_ref": LAEA})
    crs[...] = 0
    return group


def _axis(group: Any, name: str, values: Any, attributes: Mapping[str, Any]) -> None:
    data = np.asarray(values, np.float64)
    _array(group, name, (name,), data.shape, data.dtype, None, attributes)[:] = data


def _array(
    group: Any,
    name: str,
    dimensions: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: Any,
    fill: Any,
    attributes: Mapping[str, Any],
    **options: Any,
) -> Any:
    version = group.metadata.zarr_format
    words = {"attributes": dict(attributes), "fill_value": fill, **options}
    if version == 2:
        words["attributes"]["_ARRAY_DIMENSIONS"] = list(dimensions)
    else:
        words["dimension_names"] = dimensions
    return group.create_array(name, shape=shape, dtype=dtype, **words)


def chunk_file(path: Path, name: str, index: int) -> Path:
    """The file of a frame's chunk, of an archive of version 3 with a frame a chunk."""
    return path / name / "c" / str(index) / "0" / "0"
