"""Map projections in the words of CF."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from echocast.model.errors import ContractViolation, short
from echocast.model.place.projection_text import (
    MOST_TEXT,
    WKT_NAMES,
    check_mapping,
    mapping_crs,
    parsed_crs,
)

if TYPE_CHECKING:
    from pyproj import CRS

ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
TURNED_POLE = "PROJ ob_tran o_proj=longlat"  # method of +proj=ob_tran
NAMES = (  # CF conventions 1.11, appendix F
    "albers_conical_equal_area",
    "azimuthal_equidistant",
    "geostationary",
    "lambert_azimuthal_equal_area",
    "lambert_conformal_conic",
    "lambert_cylindrical_equal_area",
    "latitude_longitude",
    "mercator",
    "oblique_mercator",
    "orthographic",
    "polar_stereographic",
    "rotated_latitude_longitude",
    "sinusoidal",
    "stereographic",
    "transverse_mercator",
    "vertical_perspective",
)


def declared_mapping(crs: Any) -> dict[str, Any]:
    """Grid-mapping attributes of a JSON body, checked; empty for None.

    Files are accepted as they are; a declaration can still be corrected by its author.

    Raises:
        ContractViolation: A NetCDF file can't hold them, or CF has no such projection.
    """
    if crs is None:
        return {}
    if not isinstance(crs, dict) or len(crs) > 100:
        raise ContractViolation("The grid's crs must be CF grid-mapping attributes.", rule="grid")
    attributes = {str(name): _attribute(name, value) for name, value in crs.items()}
    check_mapping(attributes)
    name = attributes.get("grid_mapping_name")
    if name not in NAMES and (name is not None or (crs and not any(k in crs for k in WKT_NAMES))):
        raise ContractViolation(
            f"The grid's crs must have a grid_mapping_name that CF knows ({', '.join(NAMES)}), or"
            f" crs_wkt alone, but has {short(name)!r}.",
            rule="grid-mapping",
        )
    return attributes


def named(crs: Mapping[str, Any]) -> dict[str, Any]:
    """A grid mapping with its ``grid_mapping_name``, read from the WKT where it has only that.

    Raises:
        ContractViolation: A text of it could name a file, or its WKT is none.
    """
    wkt = crs.get("crs_wkt") or crs.get("spatial_ref")
    check_mapping(crs)
    if "grid_mapping_name" in crs or not wkt:
        return completed(dict(crs))
    return {**cf_attributes(parsed_crs(str(wkt))), **crs}


def _attribute(name: Any, value: Any) -> Any:
    """A value that a NetCDF attribute can hold: text, a number, or a few numbers."""
    text = isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable()
    numbers = value if isinstance(value, list) else [value]
    numeric = 0 < len(numbers) <= 100 and all(_is_number(number) for number in numbers)
    if not ATTRIBUTE.fullmatch(str(name)) or not (text or numeric):
        raise ContractViolation(
            "The grid's crs must have CF attribute names with text or numbers, but"
            f" {short(name)!r} is {short(value)!r}.",
            rule="grid",
        )
    return value


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 2**31
    return type(value) is float and math.isfinite(value)


def cf_attributes(crs: CRS) -> dict[str, Any]:
    """A projection as CF grid-mapping attributes with plain values, ``crs_wkt`` among them.

    What CF cannot say, such as the skew of an oblique Mercator, is still in the WKT.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        attributes = _with_cf_pole(crs).to_cf()
    return completed(
        {name: list(v) if isinstance(v, tuple) else v for name, v in attributes.items()}
    )


def _with_cf_pole(crs: CRS) -> CRS:
    """A turned pole that was written for PROJ (``ob_tran``), in the words of CF; else the same."""
    operation, earth = crs.coordinate_operation, crs.ellipsoid
    if operation is None or operation.method_name != TURNED_POLE or earth is None:
        return crs
    turned = {parameter.name: parameter.value for parameter in operation.params}
    if set(turned) - {"o_lat_p", "o_lon_p", "lon_0"}:
        return crs
    return mapping_crs(
        {
            "semi_major_axis": earth.semi_major_metre,
            "inverse_flattening": earth.inverse_flattening,
            "grid_mapping_name": "rotated_latitude_longitude",
            "grid_north_pole_latitude": float(turned.get("o_lat_p", 90)),
            "grid_north_pole_longitude": float(turned.get("lon_0", 0)) - 180,
            "north_pole_grid_longitude": float(turned.get("o_lon_p", 0)),
        }
    )


def completed(attributes: dict[str, Any]) -> dict[str, Any]:
    """With the pole of a polar stereographic projection, which CF demands and PROJ leaves out."""
    parallel = attributes.get("standard_parallel")
    polar = attributes.get("grid_mapping_name") == "polar_stereographic"
    if polar and isinstance(parallel, int | float):
        pole = 90.0 if parallel > 0 else -90.0
        return {"latitude_of_projection_origin": pole, **attributes}
    return attributes
