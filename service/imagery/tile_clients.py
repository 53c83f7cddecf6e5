"""Tiles as clients of RainViewer's API (version 2) ask for them.

A client reads a list of images, ``weather-maps.json``, and puts paths together:
``{host}{path}/{size}/{z}/{x}/{y}/{color}/{smooth}_{snow}.png``. Where x and y have a dot they are
the latitude and longitude of the middle of a picture. Colours: 255 is raw grey (dBZ = value / 2 -
32); 0 grey, 6 those of the National Weather Service of the USA, all others our own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from echocast.model.errors import ContractViolation, short
from echocast.model.imagery.mercator import LARGEST_ZOOM, MercatorWindow
from echocast.service.imagery.drawing import Style
from echocast.service.imagery.open_images import Image

COLOURS: Final = {0: "grey", 6: "nws"}
RAW: Final = 255
SIZES: Final = (256, 512)
OPTIONS: Final = re.compile(r"([01])_([01])\.(png|webp)")
SCHEMES: Final = (
    {"id": 2, "name": "Echocast"},
    {"id": 0, "name": "Grey"},
    {"id": 6, "name": "NWS"},
    {"id": RAW, "name": "Raw: dBZ = value / 2 - 32"},
)


def weather_maps(host: str, root: str, images: Sequence[Image]) -> dict[str, Any]:
    """The list of a stream's images.

    Args:
        host: Scheme, name and port under which clients reach the service.
        root: Path before ``/v2``; empty or ``/streams/NAME``.
        images: In time order, no time twice.
    """
    past = [_entry(root, image) for image in images if image.lead is None]
    nowcast = [_entry(root, image) for image in images if image.lead is not None]
    return {
        "version": "2.0",
        "generated": int(datetime.now(UTC).timestamp()),
        "host": host,
        "radar": {"past": past, "nowcast": nowcast},
        "satellite": {"infrared": []},
        "colorSchemes": list(SCHEMES),
    }


def _entry(root: str, image: Image) -> dict[str, Any]:
    return {"time": int(image.time.timestamp()), "path": f"{root}/v2/radar/{image.id}"}


def tile_window(size: str, zoom: str, x: str, y: str) -> MercatorWindow:
    """The part of the map that a path means.

    Raises:
        ContractViolation: There is no such tile.
    """
    side, level = _whole(size, "size"), _whole(zoom, "zoom")
    if side not in SIZES:
        raise _refusal(f"Tiles have 256 or 512 pixels, not {short(size)}.")
    if level > LARGEST_ZOOM:
        raise _refusal(f"Zoom levels are 0 to {LARGEST_ZOOM}, not {short(zoom)}.")
    if "." in x or "." in y:
        return _around(x, y, level, side)
    column, row = _whole(x, "x"), _whole(y, "y")
    if column >= 2**level or row >= 2**level:
        raise _refusal(f"At zoom {level} x and y are 0 to {2**level - 1}, not {column} and {row}.")
    return MercatorWindow.tile(level, column, row, side)


def _around(latitude: str, longitude: str, zoom: int, size: int) -> MercatorWindow:
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        north = east = float("nan")
    if not (-90 <= north <= 90 and -180 <= east <= 360):
        raise _refusal(
            f"Latitude and longitude must be degrees, not {short(latitude)} and {short(longitude)}."
        )
    return MercatorWindow.around(north, east, zoom, size)


def tile_style(colour: str, options: str) -> Style:
    """How a tile is drawn.

    Raises:
        ContractViolation: There is no such colour or option.
    """
    number, match = _whole(colour, "color"), OPTIONS.fullmatch(options)
    if match is None:
        raise _refusal(f"A tile's name is like 1_0.png (smooth, snow), not {short(options)!r}.")
    if number > RAW:
        raise _refusal(f"Colours are 0 to {RAW}, not {number}.")
    form: Literal["png", "webp"] = "webp" if match[3] == "webp" else "png"
    palette = "" if number == RAW else COLOURS.get(number, "echocast")
    return Style(palette, match[1] == "1", form)


def _whole(text: str, what: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise _refusal(f"{what} must be a whole number, not {short(text)!r}.")
    return int(text)


def _refusal(message: str) -> ContractViolation:
    return ContractViolation(message, rule="tile")
