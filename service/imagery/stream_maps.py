"""StreamMaps: what a map of a stream shows, and its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from echocast.model.grid import Grid
from echocast.model.imagery.image_file import LARGEST_SIDE
from echocast.model.imagery.mercator import MercatorWindow
from echocast.model.imagery.names import (
    DIFFERENCE,
    DIFFERENCE_DBZ,
    in_order,
    threshold_of,
)
from echocast.model.reflectivity import ZR
from echocast.service.errors import NoMap
from echocast.service.imagery.drawing import Drawing, Style
from echocast.service.imagery.open_images import Image, OpenImages
from echocast.service.imagery.schemas import (
    Bounds,
    ImageSize,
    MapFrame,
    MapLayer,
    Relation,
    StreamMap,
)
from echocast.workers.streams.image_store import ImageStore
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import late_after

DBZ, PERCENT, OUTCOME = "dBZ", "%", "outcome"
MINUTE: Final = timedelta(minutes=1)
MOST_GRIDS: Final = 64  # whose windows are remembered
# More that draw at once would get in each other's way, and each new one has PROJ begin anew, 10 ms.
TILE_THREADS: Final = 2
Value = TypeVar("Value")


class StreamMaps:
    """Maps of streams; every method may take some milliseconds of a thread.

    Args:
        stores: Declarations and grids.
    """

    def __init__(self, stores: StreamStores) -> None:
        self._stores = stores
        self._images = OpenImages(ImageStore(stores.files))
        self._drawing = Drawing()
        self._window_of = lru_cache(MOST_GRIDS)(MercatorWindow.of_grid)
        self._threads = ThreadPoolExecutor(TILE_THREADS, "tiles")

    def close(self) -> None:
        """End the threads of tiles."""
        self._threads.shutdown()

    async def tile(self, draw: Callable[..., Value], *arguments: Any, **options: Any) -> Value:
        """Draw a tile in a thread that does nothing else: it waits for tiles alone."""
        work = partial(draw, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def map(self, name: str) -> StreamMap:
        """The time line of a stream.

        Raises:
            UnknownStream: There is no such stream.
            NoMap: It has no images on a map.
        """
        stream, images = self._stores.streams.stream(name), self.images(name)
        window, differences = self._window(name), self._images.listing(name, "differences")
        newest = images[-1].file.description
        about, relation = _about(images), ZR.of_attributes(_about(images))
        forecast = {} if newest.reference is None else newest.about
        return StreamMap(
            stream=name,
            step_minutes=stream.step_minutes,
            late_after_minutes=late_after(stream.step) / MINUTE,
            bounds=Bounds(**window.degrees),
            size=ImageSize(height=window.height, width=window.width),
            sampled=newest.sampled,
            reference_time=newest.reference,
            issued=forecast.get("issued"),
            model=forecast.get("model"),
            quality=forecast.get("quality", {}),
            zr=Relation(a=relation.a, b=relation.b),
            attribution=about.get("acknowledgement") or about.get("institution") or "",
            licence=about.get("license", ""),
            layers=_layers(images, relation) + _difference(differences, relation),
            frames=[_frame(name, image, differences) for image in images],
        )

    def images(self, name: str) -> list[Image]:
        """The images of a stream in time order: observed ones, then those of the newest forecast
        that lie after them.

        Raises:
            UnknownStream: There is no such stream.
            NoMap: It has no images on a map.
        """
        self.grid(name)
        observed = self._images.listing(name, "observed")
        if not observed:
            raise NoMap(f"The stream {name!r} has no images yet: they come with its frames.")
        forecast = self._images.listing(name, "forecasts")
        return observed + [image for image in forecast if image.time > observed[-1].time]

    def grid(self, name: str) -> Grid:
        """Where the pixels of a stream are.

        Raises:
            UnknownStream: There is no such stream.
            NoMap: It has had no frame, or its grid has no place on earth.
        """
        self._stores.streams.stream(name)
        origin = self._stores.streams.origin(name)
        if origin is None:
            raise NoMap(f"The stream {name!r} has no frame yet.")
        if origin.grid.earth is None:
            raise NoMap(
                f"The grid of the stream {name!r} does not say where on earth it is: its frames"
                " have no projection."
            )
        return origin.grid

    def whole(self, name: str, image: Image, layer: str, style: Style) -> bytes:
        """One layer of an image, over the whole grid.

        Raises:
            UnknownStream: There is no such stream.
            UnknownImage: The image has no such layer.
        """
        return self.part(name, image, layer, self._window(name), style)

    def part(
        self, name: str, image: Image, layer: str, window: MercatorWindow, style: Style
    ) -> bytes:
        """A part of the map.

        Raises:
            UnknownStream: There is no such stream.
            UnknownImage: The image has no such layer.
        """
        return self._drawing.picture(image, layer, self.grid(name), window, style)

    def image(self, name: str, image_id: str) -> Image:
        """The image of a public name.

        Raises:
            UnknownStream: There is no such stream.
            UnknownImage: There is no such image, or it is no longer stored.
        """
        self._stores.streams.stream(name)
        return self._images.find(name, image_id)

    def only_stream(self) -> str:
        """The one stream that there is.

        Raises:
            NoMap: There is none, or more than one.
        """
        names = self._stores.streams.names()
        if len(names) != 1:
            raise NoMap(
                f"There are {len(names)} streams: name one in the path, as in"
                " /streams/NAME/public/weather-maps.json, or by ECHOCAST_TILES_STREAM."
            )
        return names[0]

    def _window(self, name: str) -> MercatorWindow:
        window = self._window_of(self.grid(name), LARGEST_SIDE)
        if window is None:
            raise NoMap(f"No pixel of the stream {name!r} lies on the map.")
        return window


def at_time(images: Sequence[Image], time: datetime | None) -> Image | None:
    """The image of a time, or the newest observed one; None where there is none."""
    if time is None:
        return next((image for image in reversed(images) if image.lead is None), None)
    return next((image for image in images if image.time == time), None)


def _about(images: Sequence[Image]) -> dict[str, Any]:
    """What is known of the newest observed frame."""
    newest = at_time(images, None)
    return dict(newest.file.description.about) if newest else {}


def _layers(images: Sequence[Image], relation: ZR) -> list[MapLayer]:
    names = {layer for image in images for layer in image.file.layers}
    return [_layer(name, relation) for name in sorted(names, key=in_order)]


def _layer(name: str, relation: ZR) -> MapLayer:
    threshold = threshold_of(name)
    if threshold is None:
        return MapLayer(name=name, unit=DBZ)
    rate = float(relation.rain_rate_mm_h(threshold))
    return MapLayer(name=name, unit=PERCENT, threshold_dbz=threshold, threshold_mm_h=round(rate, 2))


def _difference(differences: Sequence[Image], relation: ZR) -> list[MapLayer]:
    """The layer of what became of forecasts, where there is one."""
    if not differences:
        return []
    rate = float(relation.rain_rate_mm_h(DIFFERENCE_DBZ))
    lead = differences[-1].lead or timedelta(0)
    return [
        MapLayer(
            name=DIFFERENCE,
            unit=OUTCOME,
            threshold_dbz=DIFFERENCE_DBZ,
            threshold_mm_h=round(rate, 2),
            lead_minutes=lead / MINUTE,
        )
    ]


def _frame(stream: str, image: Image, differences: Sequence[Image]) -> MapFrame:
    shown = [image]
    if image.lead is None:
        shown += [one for one in differences if one.time == image.time][-1:]
    return MapFrame(
        id=image.id,
        time=image.time,
        observed=image.lead is None,
        lead_minutes=None if image.lead is None else image.lead.total_seconds() / 60,
        images={
            layer: f"/streams/{stream}/images/{one.id}/{layer}.png"
            for one in shown
            for layer in one.file.layers
        },
    )
