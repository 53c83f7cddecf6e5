"""DWD's RADOLAN binary composites in: RX (reflectivity), RY and YW (amounts of 5 minutes).

Source: DWD, RADOLAN/RADVOR composite format, version 2.5. Rows run from south to north; the grid is
known by its size alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import UnreadableInput, UnsupportedInput, short
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.time_text import stated_time
from echocast.model.formats.units import RadarUnit

NAME = "RADOLAN"
MOST_HEADER = 2048  # bytes
PROJECTION = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6370040"
CORNERS_M: Mapping[tuple[int, int], tuple[float, float]] = MappingProxyType(
    {(900, 900): (-3_758_645.0, -523_462.2), (1100, 900): (-3_658_645.0, -443_462.2)}
)  # rows and columns: north and west of the outer corner
LOWEST_CODE = 249  # of one byte: 249 is clutter, 250 was not measured
NO_DATA, CLUTTER, NUMBER = 0x2000, 0x8000, 0x0FFF  # bits of a number of two bytes
_HEADER = re.compile(
    rb"(?P<product>[A-Z]{2})(?P<day>[0-9]{2})(?P<clock>[0-9]{4})[0-9]{5}(?P<month>[0-9]{2})"
    rb"(?P<year>[0-9]{2})BY *[0-9]+.*?PR *E(?P<precision>[-+][0-9]{2})INT *(?P<minutes>[0-9]+)"
    rb".*?GP *(?P<rows>[0-9]+)x *(?P<columns>[0-9]+)[^\x03]*\x03",
    re.DOTALL,
)


def is_radolan(start: bytes) -> bool:
    """Whether a file begins as RADOLAN does: product, day, clock, station, month, year, ``BY``."""
    return re.match(rb"[A-Z]{2}[0-9]{15}BY", start) is not None


@contextmanager
def radolan_image(path: Path, _: Reading) -> Iterator[StoredImage]:
    """The image of a file, which says all of itself.

    Raises:
        UnreadableInput: It is damaged or cut short.
        UnsupportedInput: A product or grid that is not read.
        ContractViolation: Its time is none.
    """
    content = path.read_bytes()
    header = _HEADER.match(content[:MOST_HEADER])
    if header is None:
        raise UnreadableInput(f"{path.name} has no header of RADOLAN.")
    product = header["product"].decode()
    shape = int(header["rows"]), int(header["columns"])
    if product not in ("RX", "RY", "YW") or shape not in CORNERS_M:
        raise UnsupportedInput(
            f"Of RADOLAN RX, RY and YW on 900 x 900 or 1100 x 900 pixels are read, but"
            f" {path.name} is {short(product)} on {shape[0]} x {shape[1]}.",
            rule="radolan-product",
        )
    pixels = _pixels(content[header.end() :], shape, product, path.name)

    clock = b"".join(header.group("year", "month", "day", "clock")).decode()
    amount = product != "RX"
    gain, offset = (10.0 ** int(header["precision"]), 0.0) if amount else (0.5, -32.5)
    interval = (timedelta(minutes=int(header["minutes"])),) if amount else None
    yield StoredImage(
        NAME,
        product,
        "mm" if amount else "dBZ",
        RadarUnit("amount" if amount else "reflectivity"),
        FrameTimes((stated_time(clock, "%y%m%d%H%M", "The time", path.name),), interval),
        pixel_grid(CORNERS_M[shape], (-1000, 1000), shape, PROJECTION, path.name),
        pixels.dtype,
        pixels.__getitem__,
        StoredNumbers(gain, offset, missing=(np.nan,), dry=(0.0,)),
        attributes={
            "source": "weather radar composite of DWD (RADOLAN)",
            "original_quantity": f"RADOLAN {product}",
        },
    )


def _pixels(data: bytes, shape: tuple[int, int], product: str, where: str) -> NDArray[np.float32]:
    """Raw numbers (y, x), row 0 in the north; NaN where not measured or clutter."""
    dtype: np.dtype[Any] = np.dtype("u1" if product == "RX" else "<u2")
    if len(data) < shape[0] * shape[1] * dtype.itemsize:
        raise UnreadableInput(f"{where} is cut short.")
    raw = np.frombuffer(data, dtype, shape[0] * shape[1]).reshape(shape)[::-1].astype(np.int32)
    unknown, number = raw >= LOWEST_CODE, raw
    if product != "RX":
        unknown, number = raw & (NO_DATA | CLUTTER) != 0, raw & NUMBER
    return np.where(unknown, np.float32(np.nan), number.astype(np.float32))
