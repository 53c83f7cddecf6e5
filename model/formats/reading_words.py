"""The words in which a caller says how files are read: of queries, declarations and options.

Their meaning stands here once. Nothing is imported, so that help is quick.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

MEANINGS = MappingProxyType(
    {
        "variable": "Field to read, where a file has several; else found by itself.",
        "units": "Of a GeoTIFF or GRIB2 that does not say: dBZ, mm/h, mm/5min.",
        "gain": "Factor of raw numbers, where the file does not say.",
        "offset": "Added to raw numbers, where the file does not say.",
        "nodata": "Code of pixels that were not measured, where the file does not say.",
        "undetect": "Code of pixels that had no echo, where the file does not say.",
        "at": "Crop around latitude,longitude in degrees, with radius_km.",
        "radius_km": "How far the crop reaches from its centre, in km.",
        "bbox": "Crop to west,south,east,north in degrees.",
        "reduce": "Pixels become means of Z over so many by so many.",
    }
)
STATED = ("units", "gain", "offset", "nodata", "undetect")
DEFAULTS = {"reduce": 1}  # of the others: None
REGION = ("at", "radius_km", "bbox", "reduce")


def given_words(**words: Any) -> dict[str, Any]:
    """The words that say something: not those that are None, nor blocks of one pixel."""
    return {name: word for name, word in words.items() if word != DEFAULTS.get(name)}
