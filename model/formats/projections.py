"""Map projections in the words of CF."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyproj import CRS


def cf_attributes(crs: CRS) -> dict[str, Any]:
    """A projection as CF grid-mapping attributes with plain values, ``crs_wkt`` among them.

    What CF cannot say, such as the skew of an oblique Mercator, is still in the WKT.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        attributes = crs.to_cf()
    return completed(
        {name: list(v) if isinstance(v, tuple) else v for name, v in attributes.items()}
    )


def completed(attributes: dict[str, Any]) -> dict[str, Any]:
    """With the pole of a polar stereographic projection, which CF demands and PROJ leaves out."""
    parallel = attributes.get("standard_parallel")
    polar = attributes.get("grid_mapping_name") == "polar_stereographic"
    if polar and isinstance(parallel, int | float):
        pole = 90.0 if parallel > 0 else -90.0
        return {"latitude_of_projection_origin": pole, **attributes}
    return attributes
