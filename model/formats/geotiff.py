"""GeoTIFF composites in, Cloud Optimised ones among them.

Scale and codes stand where GDAL looks for them, or in items of GDAL_METADATA with the names of
ODIM (gain, offset, nodata, undetect), as FMI writes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.file_names import time_in_name, time_of
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.odim.layers import QUANTITIES, UNITS
from echocast.model.formats.rasters import (
    band_of,
    band_reader,
    checked_dtype,
    open_raster,
    raster_grid,
)
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.units import unit_of_rain

if TYPE_CHECKING:
    from rasterio import DatasetReader

NAME = "GeoTIFF"
SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
COLOURS = ("red", "green", "blue", "alpha", "palette")
DECLARE = "GDAL's nodata value, or an item Nodata or Undetect"
_ITEM = re.compile(r"<Item\b(?P<attributes>[^<>]*)>(?P<value>[^<]*)</Item>")
_NAMED = re.compile(r'(\w+)="([^"]*)"')
_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})([0-9]{2})([0-9]{2})?Z?")
TIMES = ("observation time", "time", "valid_time", "validtime", "datetime", "nominal_time")

Items = Mapping[str, str]


def is_geotiff(start: bytes) -> bool:
    """Whether a file begins as TIFF does."""
    return start.startswith(SIGNATURES)


@contextmanager
def geotiff_image(path: Path, reading: Reading) -> Iterator[StoredImage]:
    """The image of a file.

    Args:
        path: The file; where it holds no time, its name does.
        reading: The band, as ``band2``, where there are several; what the file does not say.

    Raises:
        UnreadableInput: It is damaged.
        ContractViolation: It is a picture, has no units or time, or breaks a rule.
    """
    with open_raster(path, "GTiff") as raster:
        band = band_of(raster, reading.variable, path.name)
        _check_values(raster, band, path.name)
        items = _items(raster, band)
        stated = reading.stated.units or _stated_units(raster, band, items)
        unit = UNITS.get(stated) or unit_of_rain(
            stated, f"band{band}", path.name, may_be_stated=True
        )
        time, notes = _time(items, path)
        yield StoredImage(
            NAME,
            f"band{band}",
            stated,
            unit,
            FrameTimes((time,)),
            raster_grid(raster, path.name),
            checked_dtype(raster, band, path.name),
            band_reader(raster, band),
            reading.stated.completes(_packing(raster, band, items, path.name), path.name),
            DECLARE,
            {"source": "weather radar composite", "original_quantity": short(stated)},
            notes,
        )


def _check_values(raster: DatasetReader, band: int, where: str) -> None:
    """Colours are no measurement."""
    colour = raster.colorinterp[band - 1].name
    if colour in COLOURS:
        raise ContractViolation(
            f"{where} is a picture (its band is {colour}): colours do not say how strong an echo"
            " was. Send the values.",
            rule="picture",
        )


def _items(raster: DatasetReader, band: int) -> dict[str, str]:
    """All tags by their names in lower case; those of the band count, then the file's."""
    tags = {**raster.tags(), **raster.tags(band)}
    items = {name.lower(): value.strip() for name, value in tags.items()}
    for match in _ITEM.finditer(tags.get("GDAL_METADATA", "")):
        named = dict(_NAMED.findall(match["attributes"]))
        items.setdefault(named.get("name", "").lower(), match["value"].strip())
        if named.get("unit"):
            items.setdefault("units", named["unit"])
    return items


def _stated_units(raster: DatasetReader, band: int, items: Items) -> str:
    """The unit in the file's words, or the quantity in ODIM's; empty where it has none."""
    quantity = items.get("quantity", "").upper()
    if quantity in QUANTITIES:
        return quantity if quantity in UNITS else "dBZ"
    return raster.units[band - 1] or items.get("units") or items.get("unit") or ""


def _packing(raster: DatasetReader, band: int, items: Items, where: str) -> StoredNumbers:
    nodata = raster.nodatavals[band - 1]
    missing = _codes(items, "nodata", where) if nodata is None else (float(nodata),)
    gain, offset = raster.scales[band - 1], raster.offsets[band - 1]
    if (gain, offset) == (1.0, 0.0):
        gain, offset = (_number(items, n, d, where) for n, d in (("gain", 1.0), ("offset", 0.0)))
    return StoredNumbers(gain, offset, missing, _codes(items, "undetect", where))


def _codes(items: Items, name: str, where: str) -> tuple[float, ...]:
    return (_number(items, name, 0.0, where),) if name in items else ()


def _number(items: Items, name: str, default: float, where: str) -> float:
    try:
        number = float(items.get(name, default))
    except ValueError:
        number = math.inf
    if math.isinf(number) or (name == "gain" and not number):
        raise ContractViolation(
            f"The item {name!r} of {where} must be a number, but is {short(items[name])!r}.",
            rule="packing",
        )
    return number


def _time(items: Items, path: Path) -> tuple[datetime, dict[str, str]]:
    """The time of an item, else of the file's name. TIFFTAG_DATETIME is when it was written."""
    for name in TIMES:
        if match := _DIGITS.fullmatch(re.sub(r"[-: ]", "", items.get(name, ""))):
            if (time := time_of(match)) is None:
                raise ContractViolation(
                    f"The item {name!r} of {path.name} is no time: {short(items[name])!r}.",
                    rule="time-units",
                )
            return time, {}
    return time_in_name(path)
