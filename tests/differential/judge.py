"""The judge: a file is read as it is meant, or refused; all else is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS, Transformer

from echocast.model.errors import InputError
from echocast.model.formats.readers import read_frames
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from tests.differential.cf_files import cf_file
from tests.differential.odim_files import odim_files
from tests.differential.truth import FLOOR_DBZ, Truth, Values

MAKERS = {"cf": cf_file, "odim": odim_files}
TOLERANCE_DBZ = 2e-3  # float32, and the logarithm of rates
TOLERANCE_KM = 0.05
KM_PER_DEGREE = 111.2


@dataclass
class Tally:
    """What came of many cases.

    Args:
        accepted: Read as they are meant, by kind of file.
        refused: By kind and rule.
        wrong: What differs, with what was drawn.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, kind: str, seed: int, folder: Path) -> None:
        """Make the file of a seed, read it, and judge."""
        truth = MAKERS[kind](folder / f"{kind}-{seed}.nc", np.random.default_rng(seed))
        try:
            frames = read_frames(list(truth.files))
        except InputError as error:
            self.refused[kind, str(error.rule)] += 1
            return
        finally:
            for path in truth.files:
                path.unlink()
        if faults := list(differences(truth, frames)):
            self.wrong.append(f"{kind} {seed}: {'; '.join(faults)}; {truth.choices}")
        else:
            self.accepted[kind] += 1


def differences(truth: Truth, frames: Frames) -> Iterator[str]:
    """What is not as it is meant, in words."""
    if list(frames.times) != list(truth.times):
        yield f"times {frames.times[0]} to {frames.times[-1]}, not {truth.times[0]}"
    if frames.reflectivity_dbz.shape != truth.dbz.shape:
        yield f"shape {frames.reflectivity_dbz.shape}, not {truth.dbz.shape}"
        return
    yield from _values(truth.dbz, frames.reflectivity_dbz.astype(np.float64), frames.no_rain_dbz)
    if truth.latitude is not None and truth.longitude is not None:
        yield from _place(truth.latitude, truth.longitude, frames.grid)


def _values(right: Values, values: Values, floor: float) -> Iterator[str]:
    missing = np.isnan(right)
    if (mixed := missing != np.isnan(values)).any():
        yield f"{mixed.sum()} of {mixed.size} pixels missing for measured or the reverse"
    dry = ~missing & (right <= FLOOR_DBZ)
    if (values[dry] > max(floor, FLOOR_DBZ)).any():
        yield f"dry pixels of {np.nanmax(values[dry]):.2f} dBZ"
    wet = ~missing & ~dry & ~np.isnan(values)
    far = np.abs(values[wet] - right[wet])
    if far.size and far.max() > TOLERANCE_DBZ:
        yield f"values {far.max():.3f} dBZ off"


def _place(latitude: Values, longitude: Values, grid: Grid) -> Iterator[str]:
    known = _degrees(grid)
    if known is None:
        yield "the place is lost"
        return
    north = np.abs(known[0] - latitude)
    east = np.abs((known[1] - longitude + 180) % 360 - 180) * np.cos(np.deg2rad(latitude))
    far = float(np.nanmax(np.hypot(north, east))) * KM_PER_DEGREE
    if not far <= TOLERANCE_KM:
        yield f"pixels {far:.3f} km off"


def _degrees(grid: Grid) -> tuple[Values, Values] | None:
    """Latitude and longitude of each pixel by the grid that was read."""
    if grid.units == "1":
        return None
    x, y = np.meshgrid(grid.x, grid.y)
    if grid.units == "degree":
        return y, x
    crs = _crs(dict(grid.crs), km=grid.units == "km")
    metres = crs.axis_info[0].unit_conversion_factor
    scale = {"m": 1.0, "km": 1000.0}[grid.units] / metres
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    east, north = to_degrees.transform(x * scale, y * scale)
    return north, east


def _crs(attributes: dict[str, Any], *, km: bool) -> CRS:
    """The projection in metres; CF gives the false origin in the unit of the coordinates."""
    wkt = attributes.get("crs_wkt") or attributes.get("spatial_ref")
    if wkt:
        return CRS.from_wkt(wkt)
    for name in ("false_easting", "false_northing"):
        if km and name in attributes:
            attributes[name] *= 1000
    return CRS.from_cf(attributes)
