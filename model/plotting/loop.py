"""A loop of observed, then forecast frames as animated WebP, drawn without matplotlib."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.plotting.colours import HIGHEST_DBZ, TICKS_DBZ, painted
from echocast.model.plotting.line_drawing import line_layer
from echocast.model.plotting.north import north_up

SIDE = 480  # pixels along the longer side of a map
HEAD = 52
FOOT = 18
BAR = 74
GAP = 10
FRAME_MS = 220
PAUSE_MS = 1200
INK = (34, 34, 34)
QUIET = (110, 110, 110)
OBSERVED = (38, 84, 124)
FORECAST = (176, 58, 46)


@dataclass(frozen=True)
class _Scene:
    """One picture of the loop: one map, or the forecast beside what was observed."""

    label: str
    time: datetime
    maps: tuple[FloatArray | None, ...]
    colour: tuple[int, int, int]


def forecast_loop(inputs: Frames | None, forecast: Forecast, observed: Frames | None) -> bytes:
    """An animated loop: the input, then the forecast, beside the observations if there are any.

    Args:
        inputs: Frames up to the reference time; None: starts with the forecast.
        forecast: The forecast.
        observed: Frames at the valid times, drawn at the right; None: no such map.

    Returns:
        An animated WebP file that repeats for ever.
    """
    scenes = _scenes(inputs, forecast, observed)
    size = _size(north_up(forecast.frames.reflectivity_dbz[0], forecast.frames.grid))
    lines = line_layer(forecast.frames.grid, size)
    pictures = [_picture(scene, size, lines) for scene in scenes]
    pause = {len(scenes) - 1, len(inputs) - 1 if inputs is not None else -1}
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=[PAUSE_MS if index in pause else FRAME_MS for index in range(len(scenes))],
        loop=0,
        quality=82,
        method=3,
    )
    return buffer.getvalue()


def _scenes(inputs: Frames | None, forecast: Forecast, observed: Frames | None) -> list[_Scene]:
    scenes = []
    beside = observed is not None and len(observed) > 0
    for time, values in _timed(inputs):
        maps: tuple[FloatArray | None, ...] = (values, values) if beside else (values,)
        scenes.append(_Scene("observed", time, maps, OBSERVED))
    later = dict(_timed(observed))
    leads = forecast.lead_minutes
    for lead, (time, values) in zip(leads, _timed(forecast.frames), strict=True):
        maps = (values, later.get(time)) if beside else (values,)
        scenes.append(_Scene(f"forecast +{lead:g} min", time, maps, FORECAST))
    return scenes


def _timed(frames: Frames | None) -> list[tuple[datetime, FloatArray]]:
    if frames is None:
        return []
    turned = north_up(frames.reflectivity_dbz, frames.grid)
    return list(zip(frames.times, turned, strict=True))


def _picture(scene: _Scene, size: tuple[int, int], lines: Image.Image | None) -> Image.Image:
    width, height = size
    total = len(scene.maps) * (width + GAP) + BAR
    picture = Image.new("RGB", (total, height + HEAD + FOOT), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((GAP, 6), f"{scene.time:%Y-%m-%d %H:%M} UTC", fill=INK, font=_font(17))
    for index, values in enumerate(scene.maps):
        left = GAP + index * (width + GAP)
        label, colour = (scene.label, scene.colour) if index == 0 else ("observed", OBSERVED)
        draw.text((left, 29), label, fill=colour, font=_font(15))
        if values is None:
            draw.text((left + 8, HEAD + 8), "not observed yet", fill=QUIET, font=_font(13))
        else:
            picture.paste(_map(values, size), (left, HEAD))
            if lines is not None:
                picture.paste(lines, (left, HEAD), lines)
        draw.rectangle((left - 1, HEAD - 1, left + width, HEAD + height), outline=colour)
    _draw_bar(picture, len(scene.maps) * (width + GAP) + GAP, height)
    return picture


def _size(values: FloatArray) -> tuple[int, int]:
    """Width and height of a map on the picture."""
    height, width = values.shape
    scale = SIDE / max(height, width)
    return max(48, round(width * scale)), max(48, round(height * scale))


def _map(values: FloatArray, size: tuple[int, int]) -> Image.Image:
    """A map enlarged without smoothing, or reduced with it."""
    image = Image.fromarray(painted(values))
    shrinks = values.shape[1] > size[0]
    return image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.NEAREST)


def _draw_bar(picture: Image.Image, left: int, height: int) -> None:
    """The colour scale with ticks in dBZ."""
    scale = np.linspace(HIGHEST_DBZ, 0.01, height, dtype=np.float32)[:, None]
    colours: NDArray[np.uint8] = painted(np.repeat(scale, 14, axis=1))
    picture.paste(Image.fromarray(colours), (left, HEAD))
    draw = ImageDraw.Draw(picture)
    draw.text((left, 29), "dBZ", fill=INK, font=_font(13))
    for tick in TICKS_DBZ:
        y = HEAD + round((1 - tick / HIGHEST_DBZ) * (height - 1))
        draw.line((left + 14, y, left + 18, y), fill=INK)
        draw.text((left + 22, y - 7), f"{tick}", fill=INK, font=_font(12))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
