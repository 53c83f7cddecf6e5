"""CWA's XML composites in (Taiwan, O-A0059-001): decimal numbers in dBZ, rows from south to north.

-999 was not measured. CWA calls -99 invalid; as in MRMS, whose codes these are, it stands where
radars see no echo. Degrees are of TWD67: what lies there is 828 m further east in WGS 84.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from echocast.model.errors import ContractViolation, UnreadableInput, short
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_codes import Stored
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.units import RadarUnit
from echocast.model.grid import Grid

NAME = "CWA XML"
TWD67 = "+proj=longlat +ellps=aust_SA +towgs84=-752,-358,-179"
PACKING = StoredNumbers(missing=(-999.0,), dry=(-99.0,))
NOTE = "Pixels of -99, which CWA calls invalid, count as measured without echo, as in MRMS."
_TAG = re.compile(r"<(\w+)>\s*([^<]{1,99}?)\s*</\1>")


def is_cwa(start: bytes) -> bool:
    """Whether a file begins as CWA's open data do."""
    return start.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<?xml") and b"<cwaopendata" in start


@contextmanager
def cwa_image(path: Path, _: Reading) -> Iterator[StoredImage]:
    """The image of a file, which says all of itself.

    Raises:
        UnreadableInput: It is damaged or cut short.
        ContractViolation: It is another product, or lacks what is needed.
    """
    head, _start, rest = path.read_bytes().partition(b"<content>")
    numbers, end, _tail = rest.partition(b"</content>")
    if not end:
        raise UnreadableInput(f"{path.name} is cut short.")
    try:
        time, grid = _time_and_grid(dict(_TAG.findall(head.decode("utf-8", "replace"))), path.name)
    except (KeyError, ValueError, OverflowError) as error:
        raise ContractViolation(
            f"{path.name} must say place, time with its zone and Reflectivity in dBZ as CWA's"
            f" O-A0059-001 does, but: {short(error)}.",
            rule="cwa-parameters",
        ) from error

    yield StoredImage(
        NAME,
        "Reflectivity",
        "dBZ",
        RadarUnit("reflectivity"),
        FrameTimes((time,)),
        grid,
        np.dtype(np.float32),
        lambda window: _numbers(numbers, grid.shape, path.name)[window],
        PACKING,
        attributes={
            "source": "weather radar composite of CWA",
            "original_quantity": "Reflectivity",
        },
        notes={"codes": NOTE},
    )


def _time_and_grid(tags: Mapping[str, str], where: str) -> tuple[datetime, Grid]:
    time, step = datetime.fromisoformat(tags["DateTime"]), float(tags["GridResolution"])
    if tags["Reflectivity"] != "dBZ" or time.tzinfo is None:
        raise ValueError(f"{tags['Reflectivity']} at {tags['DateTime']}")
    width, height = (int(tags[f"GridDimension{axis}"]) for axis in "XY")
    west, south = (float(tags[f"StartPoint{name}"]) for name in ("Longitude", "Latitude"))
    corner = south + (height - 0.5) * step, west - step / 2
    return time.astimezone(UTC), pixel_grid(corner, (-step, step), (height, width), TWD67, where)


def _numbers(text: bytes, shape: tuple[int, int], where: str) -> Stored:
    """Numbers (y, x), row 0 in the north."""
    try:
        return np.array(text.split(b",")).astype(np.float32).reshape(shape)[::-1]
    except ValueError as error:
        raise UnreadableInput(f"{where} is damaged: {short(error)}.") from error
