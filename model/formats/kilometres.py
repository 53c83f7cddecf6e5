"""Earths, origins and coordinates in kilometres where metres are meant, as some agencies write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.projections import cf_attributes
from echocast.model.frames import joined_notes
from echocast.model.place.earth import FALSE_ORIGIN
from echocast.model.place.projection_text import (
    SMALLEST_EARTH_M,
    WKT_NAMES,
    parsed_crs,
    with_earth_in_metres,
)

RADII = ("semi_major_axis", "semi_minor_axis", "earth_radius")
ELLIPSOID = re.compile(r'(?:ELLIPSOID|SPHEROID)\s*[\[(]\s*"[^"]*"\s*,\s*([\d.eE+]+)', re.IGNORECASE)
SMALLEST_PIXEL_M = 20.0  # composites have none so small: their coordinates are in kilometres
FURTHEST_ORIGIN_KM = 50_000.0  # more than once around the earth: the origin is in metres


def in_true_units(
    y: NDArray[np.float64], x: NDArray[np.float64], units: str, mapping: Mapping[str, Any]
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Units of coordinates and a grid mapping, with the lengths in the units that are meant.

    Args:
        y: Coordinates along rows.
        x: Coordinates along columns.
        units: ``m``, ``km`` or others.
        mapping: CF grid-mapping attributes, may be empty.

    Returns:
        Units; the mapping, whose earth is in metres and whose false origin, as CF wants, in the
        units of the coordinates; and notes, see :class:`echocast.model.frames.Frames`.
    """
    mapping, earth_note = _with_earth_in_metres(mapping)
    units_note = {}
    if earth_note and units == "m" and _step(y, x) < SMALLEST_PIXEL_M:
        units = "km"
        units_note = {"place": "Its coordinates are in kilometres too, though called metres."}
    mapping, origin_note = _with_origin_in(units, mapping)
    return units, mapping, joined_notes([earth_note, units_note, origin_note])


def _with_earth_in_metres(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    wkt = next((str(mapping[name]) for name in WKT_NAMES if mapping.get(name)), "")
    written = ELLIPSOID.search(wkt)
    radii = {name: mapping[name] for name in RADII if isinstance(mapping.get(name), int | float)}
    radius = float(written[1]) if written else max(radii.values(), default=SMALLEST_EARTH_M)
    if not 0 < radius < SMALLEST_EARTH_M:
        return dict(mapping), {}
    note = {"place": "The earth of the projection is given in kilometres."}
    rest = {k: v for k, v in mapping.items() if k not in WKT_NAMES and not k.startswith("proj4")}
    if wkt:
        return {**rest, **cf_attributes(with_earth_in_metres(parsed_crs(wkt))[0])}, note
    return {**rest, **{name: 1000 * value for name, value in radii.items()}}, note


def _with_origin_in(units: str, mapping: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    origin = {n: mapping[n] for n in FALSE_ORIGIN if isinstance(mapping.get(n), int | float)}
    furthest = max(map(abs, origin.values()), default=0.0)
    wkt = any(mapping.get(name) for name in WKT_NAMES)
    if wkt or units != "km" or furthest <= FURTHEST_ORIGIN_KM:
        return mapping, {}
    sentence = "The false origin of the projection is given in metres, beside coordinates in km."
    return {**mapping, **{n: v / 1000 for n, v in origin.items()}}, {"place": sentence}


def _step(y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    """The larger side of a pixel."""
    return max(float(np.abs(np.diff(axis)).max(initial=0.0)) for axis in (y, x))
