"""Where on earth the coordinates of a grid lie, and which coordinates a place on earth has.

Degrees are those of WGS 84, as the corners of ODIM_H5 files (specification 2.4, section 4.2) and
requests give them. A datum that PROJ can shift is shifted. The degrees of one that it cannot, such
as a sphere, count as they are: so do the programs that make radar composites.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.place.projection_text import WKT_NAMES, mapping_crs, mapping_text

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

EARTH_KM = 6371.0  # mean radius
TURN_DEGREES = 360.0
METRES = {"m": 1.0, "km": 1000.0}
NOT_SHIFTED = ("unknown", "undefined", "world geodetic system 1984")  # datums, as they begin
FALSE_ORIGIN = ("false_easting", "false_northing")
CYLINDRICAL = ("Mercator", "Popular Visualisation", "Equidistant Cylindrical", "Lambert Cylind")
SPAN = 1000.0  # units of the plane, from which the length of its equator is worked out

Degrees = NDArray[np.float64]


@dataclass(frozen=True)
class Earth:
    """The way between the coordinates of a grid and the earth.

    Args:
        projection: From longitude and latitude to the plane; None: the coordinates are degrees.
        unit: What a coordinate is multiplied with to be one of the projection.
        turn: How far along x the same place comes again; None: never.
    """

    projection: Transformer | None
    unit: float
    turn: float | None

    def degrees(self, y: Any, x: Any) -> tuple[Degrees, Degrees]:
        """Latitude and longitude of coordinates, not finite where they lie off the earth."""
        if self.projection is None:
            return np.asarray(y, float), np.asarray(x, float)
        plane = (np.asarray(x, float) * self.unit, np.asarray(y, float) * self.unit)
        east, north = self.projection.transform(*plane, direction="INVERSE")
        return np.asarray(north), np.asarray(east)

    def plane(self, latitude: Any, longitude: Any, near_x: float) -> tuple[Degrees, Degrees]:
        """y and x of places, not finite where there is no way to them.

        Args:
            latitude: Degrees north.
            longitude: Degrees east.
            near_x: Of the turns on which a place lies, the one nearest to this x is meant.
        """
        y, x = np.asarray(latitude, float), np.asarray(longitude, float)
        if self.projection is not None:
            east, north = self.projection.transform(x, y)
            x, y = np.asarray(east) / self.unit, np.asarray(north) / self.unit
        if self.turn is not None:
            with np.errstate(invalid="ignore"):
                x = x + self.turn * np.rint((near_x - x) / self.turn)
        return y, x

    def coordinates(self, latitude: float, longitude: float, near_x: float) -> tuple[float, float]:
        """y and x of a place, on the turn that lies nearest to ``near_x``."""
        y, x = self.plane(latitude, longitude, near_x)
        return float(y), float(x)


def earth_of(mapping: Mapping[str, Any], units: str) -> Earth | None:
    """The way to the earth of coordinates with a grid mapping; None where they do not tell.

    Args:
        mapping: CF grid-mapping attributes, may be empty.
        units: ``m``, ``km``, ``degree`` or ``1``.
    """
    if units == "1" or not (mapping or units == "degree"):
        return None
    if not mapping:
        return Earth(None, 1.0, TURN_DEGREES)
    try:
        return _earth_of(mapping_text(in_metres(mapping, units)), units)
    except ContractViolation:  # unknown to PROJ, no map, or of another planet
        return None


@lru_cache(maxsize=64)
def _earth_of(mapping: str, units: str) -> Earth | None:
    """Every job has a grid of its own, but few grid mappings; PROJ's search costs up to .1 s."""
    crs = mapping_crs(json.loads(mapping))
    if units == "degree":
        return Earth(to_plane(crs) if crs.is_geographic else None, 1.0, TURN_DEGREES)
    if not crs.is_projected or not crs.axis_info:
        return None
    unit = METRES[units] / crs.axis_info[0].unit_conversion_factor
    plane = to_plane(crs)
    turn = turn_of(crs, plane)
    return Earth(plane, unit, turn / unit if turn else None)


def same_text(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two grid mappings are written in the same words, so that PROJ need not be asked."""
    return ours == theirs or any(ours.get(n) and ours[n] == theirs.get(n) for n in WKT_NAMES)


def in_metres(mapping: Mapping[str, Any], units: str) -> dict[str, Any]:
    """A grid mapping as PROJ reads it: false origins in metres, where CF has the axes' units."""
    if units != "km" or any(mapping.get(name) for name in WKT_NAMES):
        return dict(mapping)
    false = {name: mapping[name] for name in FALSE_ORIGIN if name in mapping}
    return {**mapping, **{k: v * METRES[units] for k, v in false.items() if _is_number(v)}}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def to_plane(crs: CRS) -> Transformer | None:
    """From longitude and latitude to a projection; None where they are its coordinates.

    Raises:
        ContractViolation: It is no map of the earth.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    base = crs.source_crs if crs.is_derived and crs.source_crs else crs.geodetic_crs
    shifted = _is_shifted(crs, base)
    if crs.is_geographic and not (shifted or crs.is_derived):
        return None
    try:
        return Transformer.from_crs("EPSG:4326" if shifted else base, crs, always_xy=True)
    except ProjError as error:
        raise ContractViolation(
            f"A projection must be a map of the earth, but PROJ finds no way from longitude and"
            f" latitude to {short(crs.name)!r}.",
            rule="grid",
        ) from error


def _is_shifted(crs: CRS, base: CRS | None) -> bool:
    """Whether PROJ knows a datum that differs from WGS 84, or degrees do not begin at Greenwich."""
    name = base.datum.name if base is not None and base.datum is not None else "unknown"
    elsewhere = crs.prime_meridian is not None and crs.prime_meridian.longitude != 0
    return crs.is_bound or elsewhere or not name.lower().startswith(NOT_SHIFTED)


def turn_of(crs: CRS, plane: Transformer | None) -> float | None:
    """How far along x, in its own units, the same place comes again; None: never.

    Args:
        crs: A projection.
        plane: What :func:`to_plane` made of it.
    """
    if crs.is_geographic:
        return TURN_DEGREES
    method = crs.coordinate_operation.method_name if crs.coordinate_operation else ""
    if plane is None or not method.startswith(CYLINDRICAL):
        return None
    (west, east), _ = plane.transform([0.0, SPAN], [0.0, 0.0], direction="INVERSE")
    return float(SPAN * TURN_DEGREES / ((east - west) % TURN_DEGREES))


def distance_km(ours: Degrees, theirs: Degrees) -> Degrees:
    """Great-circle distance of places (haversine formula).

    Args:
        ours: Latitude and longitude, shape (2, ...).
        theirs: The same of the other places.
    """
    (north, east), (other_north, other_east) = np.deg2rad(ours), np.deg2rad(theirs)
    with np.errstate(invalid="ignore"):  # places that are off the earth have no distance: NaN
        chord = np.sin((north - other_north) / 2) ** 2
        chord = chord + np.cos(north) * np.cos(other_north) * np.sin((east - other_east) / 2) ** 2
        distance: Degrees = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(chord, 1)))
    return distance
