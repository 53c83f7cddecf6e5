"""FMI's PGM composites in: 8-bit grey images whose comments say what they are.

dBZ = (raw - 64) / 2; 255 was not measured, 0 had no echo. Corners are in degrees; the earth is the
sphere of FMI's composites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from echocast.model.errors import ContractViolation, UnreadableInput, short
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.time_text import stated_time
from echocast.model.formats.units import RadarUnit
from echocast.model.grid import Grid
from echocast.model.place.earth import to_plane
from echocast.model.place.projection_text import parsed_crs

NAME = "FMI PGM"
EARTH_M = 6371288.0
MOST_HEADER = 16_384  # bytes
PACKING = StoredNumbers(0.5, -32.0, missing=(255.0,), dry=(0.0,))
_SIZE = re.compile(rb"\n([0-9]{1,5}) ([0-9]{1,5})\n255\n")


def is_fmi_pgm(start: bytes) -> bool:
    """Whether a file begins as FMI's images do: binary PGM with the name of an area."""
    return start.startswith(b"P5\n# ")


@contextmanager
def fmi_pgm_image(path: Path, _: Reading) -> Iterator[StoredImage]:
    """The image of a file, which says all of itself.

    Raises:
        UnreadableInput: It is damaged or cut short.
        ContractViolation: Its comments lack what is needed, or it is no reflectivity.
    """
    content = path.read_bytes()
    size = _SIZE.search(content, 0, MOST_HEADER)
    if size is None:
        raise UnreadableInput(f"{path.name} is no 8-bit PGM file.")
    comments = _comments(content[: size.start()])
    if "reflectivity" not in comments.get("param", "").lower():
        raise ContractViolation(
            f"{path.name} must hold reflectivity, but its param is"
            f" {short(comments.get('param', 'missing'))!r}.",
            rule="units",
        )
    width, height = int(size[1]), int(size[2])
    if len(content) - size.end() < width * height:
        raise UnreadableInput(f"{path.name} is cut short.")
    pixels = np.frombuffer(content, np.uint8, width * height, size.end()).reshape(height, width)

    yield StoredImage(
        NAME,
        comments["param"],
        "dBZ",
        RadarUnit("reflectivity"),
        FrameTimes((stated_time(comments.get("obstime", ""), "%Y%m%d%H%M", "obstime", path.name),)),
        _grid(comments, (height, width), path.name),
        pixels.dtype,
        pixels.__getitem__,
        PACKING,
        attributes={
            "source": f"weather radar composite {short(comments.get('projection_name', ''))}",
            "original_quantity": short(comments["param"]),
            "zr_a": "223",
            "zr_b": "1.53",
        },
    )


def _comments(header: bytes) -> dict[str, str]:
    """The first word of each comment, and what follows it."""
    lines = header.decode("ascii", "replace").splitlines()
    return dict(line.lstrip("# ").partition(" ")[::2] for line in lines)


def _grid(comments: dict[str, str], shape: tuple[int, int], where: str) -> Grid:
    """Pixel centres in metres between two opposite outer corners."""
    try:
        if comments["type"] != "stereographic":
            raise KeyError("type")
        pole, meridian, parallel = (
            float(comments[name])
            for name in ("centrallatitude", "centrallongitude", "truelatitude")
        )
        corners = [[float(v) for v in comments[n].split()] for n in ("bottomleft", "topright")]
        (west_lon, south_lat), (east_lon, north_lat) = corners
    except (KeyError, ValueError) as error:
        raise ContractViolation(
            f"{where} must give a stereographic projection with its corners.", rule="grid"
        ) from error
    crs = parsed_crs(f"+proj=stere +lat_0={pole} +lon_0={meridian} +lat_ts={parallel} +R={EARTH_M}")
    plane = to_plane(crs)
    assert plane is not None
    (west, east), (south, north) = plane.transform([west_lon, east_lon], [south_lat, north_lat])
    pixel = (south - north) / shape[0], (east - west) / shape[1]
    return pixel_grid((north, west), pixel, shape, crs, where)
