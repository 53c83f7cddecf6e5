"""Drawing: windows of images as pictures, from memory where they were drawn lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from echocast.model.grid import Grid
from echocast.model.imagery.encoding import PictureFormat, encoded
from echocast.model.imagery.mercator import MercatorWindow
from echocast.model.imagery.palettes import TABLES
from echocast.model.imagery.warp import Warp
from echocast.service.errors import UnknownImage
from echocast.service.imagery.open_images import Image
from echocast.service.imagery.sized_cache import SizedCache
from echocast.workers.runtime.machine import MIB

PICTURE_BYTES: Final = 48 * MIB
WARP_BYTES: Final = 64 * MIB


@dataclass(frozen=True)
class Style:
    """How a picture is drawn.

    Args:
        palette: One of :data:`.TABLES`; empty: the codes themselves as grey.
        smooth: Whether values between pixels lie on straight lines.
        form: ``png`` or ``webp``.
    """

    palette: str = ""
    smooth: bool = False
    form: PictureFormat = "png"


class Drawing:
    """Draws images of streams; safe to share among threads."""

    def __init__(self) -> None:
        self._pictures: SizedCache[bytes] = SizedCache(PICTURE_BYTES, len)
        self._warps: SizedCache[Warp] = SizedCache(WARP_BYTES, lambda warp: warp.places.nbytes)

    def picture(
        self, image: Image, layer: str, grid: Grid, window: MercatorWindow, style: Style
    ) -> bytes:
        """A window of one layer of an image.

        Args:
            image: What is shown.
            layer: Which of its layers.
            grid: Where its pixels are.
            window: The part of the map.
            style: How it is drawn.

        Raises:
            UnknownImage: The image has no such layer.
        """
        if layer not in image.file.layers:
            raise UnknownImage(
                f"The image {image.id!r} has the layers {', '.join(image.file.layers)}; this one"
                " is none of them."
            )
        key = image.id, layer, window, style
        return self._pictures.made(key, lambda: self._drawn(image, layer, grid, window, style))

    def _drawn(
        self, image: Image, layer: str, grid: Grid, window: MercatorWindow, style: Style
    ) -> bytes:
        sampled = image.file.description.sampled
        warp = self._warps.made((grid, window, sampled), lambda: Warp.of(grid, window, sampled))
        show = warp.smooth if style.smooth else warp.nearest
        palette = TABLES[style.palette] if style.palette else None
        return encoded(show(image.file, layer, image.index), palette, style.form)


def load_libraries() -> None:
    """Load what draws pictures, OpenCV and Pillow: some tenths of a second, once a process.

    Who asks for the list of images asks for pictures next, and then need not wait for it.
    """
    import cv2  # noqa: F401  used by the warp

    pixel = np.zeros((1, 1), np.uint8)
    encoded(pixel, None, "png")
