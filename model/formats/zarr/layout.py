"""The layout of mlcast: how times, coordinates and projection stand in a Zarr archive.

Source: specification "source_data/radar_precipitation" 0.3.0, as mlcast-dataset-validator 0.4.0
checks it; CF conventions 1.11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.formats.cf_layout import EPOCH, GRID_MAPPING
from echocast.model.grid import Grid
from echocast.model.place.earth import METRES, in_metres
from echocast.model.place.projection_text import mapping_crs

FIELD = "equivalent_reflectivity_factor"
VALIDATOR_VERSION = "0.4.0"  # whose layout this is
UNITS = {1.0: "m", 1000.0: "km"}  # of coordinates, by their length in metres
STATED = (  # that the layout demands and nothing but the archive's owner knows
    "license",
    "mlcast_created_by",
    "mlcast_created_with",
    "mlcast_dataset_version",
    "mlcast_dataset_identifier",
)


class Coordinate(NamedTuple):
    """A variable that is no field."""

    name: str
    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: Mapping[str, Any]


def coordinates(grid: Grid, times: Sequence[datetime]) -> list[Coordinate]:
    """Everything that places frames in time and on earth.

    Raises:
        ContractViolation: The grid has no projection.
    """
    return [*_clocks(times), *_plane(grid)]


def _clocks(times: Sequence[datetime]) -> list[Coordinate]:
    """The times of frames, and those between them of which there is none."""
    clock = {"units": EPOCH, "calendar": "standard"}
    seconds = _seconds(times)
    facts = {"standard_name": "time", "long_name": "valid time", "axis": "T", **clock}
    clocks = [Coordinate("time", ("time",), seconds, facts)]
    if len(missing := _seconds(missing_times(times))):
        words = {"long_name": "times without a frame", **clock}
        clocks.append(Coordinate("missing_times", ("missing_times",), missing, words))
    return clocks


def _seconds(times: Sequence[datetime]) -> NDArray[np.float64]:
    return np.array([time.timestamp() for time in times], np.float64)


def missing_times(times: Sequence[datetime]) -> list[datetime]:
    """Times without a frame in the rhythm of the shortest step, from the first to the last."""
    steps = [later - earlier for earlier, later in pairwise(times)]
    if not steps:
        return []
    shortest, known = min(steps), set(times)
    count = (times[-1] - times[0]) // shortest
    rhythm = (times[0] + k * shortest for k in range(count + 1))
    return [time for time in rhythm if time not in known]


def is_even(times: Sequence[datetime]) -> bool:
    """Whether all steps are equal."""
    steps = {later - earlier for earlier, later in pairwise(times)}
    return max(steps, default=timedelta(0)) == min(steps, default=timedelta(0))


def _plane(grid: Grid) -> list[Coordinate]:
    """The plane of the projection, the projection, and degrees of each pixel."""
    if grid.earth is None or grid.units not in METRES:
        raise ContractViolation(
            "The layout of mlcast needs coordinates of a projection, in m or km, but the frames"
            f" have them in {grid.units!r} {'with' if grid.crs else 'without'} a projection.",
            rule="grid",
        )
    crs = mapping_crs(in_metres(grid.crs, grid.units))
    unit = crs.axis_info[0].unit_conversion_factor
    if unit not in UNITS:
        raise ContractViolation(
            f"The layout of mlcast has coordinates in m or km, but the projection {crs.name!r} has"
            f" units of {unit:g} m.",
            rule="grid-units",
        )
    y, x = (axis * METRES[grid.units] / unit for axis in (grid.y, grid.x))
    north, east = grid.earth.degrees(*np.meshgrid(grid.y, grid.x, indexing="ij"))
    wkt = crs.to_wkt()
    mapping = {**crs.to_cf(), "crs_wkt": wkt, "spatial_ref": wkt}
    return [
        Coordinate("y", ("y",), y, _axis("y", UNITS[unit])),
        Coordinate("x", ("x",), x, _axis("x", UNITS[unit])),
        Coordinate("latitude", ("y", "x"), north, _degrees("latitude", "north")),
        Coordinate("longitude", ("y", "x"), east, _degrees("longitude", "east")),
        Coordinate(GRID_MAPPING, (), np.zeros((), np.int32), mapping),
    ]


def _axis(name: str, units: str) -> dict[str, str]:
    return {
        "standard_name": f"projection_{name}_coordinate",
        "long_name": f"{name} of pixel centre",
        "units": units,
        "axis": name.upper(),
    }


def _degrees(name: str, direction: str) -> dict[str, str]:
    return {"standard_name": name, "long_name": name, "units": f"degrees_{direction}"}
