"""GRIB2 composites in: MRMS of NOAA, whose numbers have reserved values instead of a bitmap.

GDAL reads the message and knows MRMS' local tables. What a value means that is no measurement
differs by product (NSSL, MRMS operational product tables, and the samples).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import FrameTimes
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

NAME = "GRIB2"
MRMS = "CENTER=161"
REFLECTIVITY = StoredNumbers(missing=(-999.0,), dry=(-99.0,))
RATE = StoredNumbers(missing=(-3.0,))


def is_grib2(start: bytes) -> bool:
    """Whether a file begins as a GRIB message of edition 2 does."""
    return start[:4] == b"GRIB" and start[7:8] == b"\x02"


@contextmanager
def grib2_image(path: Path, reading: Reading) -> Iterator[StoredImage]:
    """The image of a file.

    Args:
        path: The file.
        reading: The message, as ``band2``, where there are several; what the file does not say.

    Raises:
        UnreadableInput: It is damaged.
        ContractViolation: It is a forecast, has no known unit, or breaks a rule.
    """
    with open_raster(path, "GRIB") as raster:
        band = band_of(raster, reading.variable, path.name)
        tags = raster.tags(band)
        element, stated = tags.get("GRIB_ELEMENT", ""), tags.get("GRIB_UNIT", "").strip("[] ")
        stated = reading.stated.units or stated
        field = element or f"band{band}"
        unit = unit_of_rain(stated, field, path.name, may_be_stated=True)
        nodata = raster.nodatavals[band - 1]
        own = StoredNumbers(missing=() if nodata is None else (float(nodata),))
        if MRMS in tags.get("GRIB_IDS", ""):
            own = RATE if unit.is_rain else REFLECTIVITY
        yield StoredImage(
            NAME,
            f"band{band} ({short(element)})",
            stated,
            unit,
            _times(tags, path.name),
            raster_grid(raster, path.name),
            checked_dtype(raster, band, path.name),
            band_reader(raster, band),
            reading.stated.completes(own, path.name),
            "the reserved value as nodata",
            {"source": "weather radar composite", "original_quantity": f"GRIB2 {short(element)}"},
        )


def _times(tags: dict[str, str], where: str) -> FrameTimes:
    """The valid time, which must be that of the observation."""
    ahead, valid = (
        re.match(r"\s*(-?[0-9]+)", tags.get(name, ""))
        for name in ("GRIB_FORECAST_SECONDS", "GRIB_VALID_TIME")
    )
    if valid is None:
        raise ContractViolation(f"{where} does not say when it is valid.", rule="time-missing")
    if ahead is not None and int(ahead[1]) > 0:
        raise ContractViolation(
            f"{where} is a forecast, {int(ahead[1])} seconds ahead. Send the observed images.",
            rule="not-observed",
        )
    return FrameTimes((datetime.fromtimestamp(int(valid[1]), UTC),))
