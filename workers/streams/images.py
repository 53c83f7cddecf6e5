"""StreamImages: images for maps are made as frames come and forecasts are issued.

They follow from the files of frames and forecasts, and only the newest are stored: the observed
frames of two hours, and two forecasts. What a killed process left undone the next frame brings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

import numpy as np

from echocast.model.errors import EchocastError
from echocast.model.formats.stream_frame import FrameHeader
from echocast.model.imagery.image_file import ImageDescription, sampling
from echocast.model.imagery.layers import forecast_layers, observed_layers
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.image_store import ImageStore, Kind, Layers
from echocast.workers.streams.paths import HASH_LENGTH, TimeSpan
from echocast.workers.streams.stores import StreamStores

SHOWN: Final = timedelta(hours=2)  # back from the newest frame
FORECASTS: Final = 2  # the newest, and the one before, which a map may still show
ATTRIBUTES: Final = ("institution", "source", "license", "acknowledgement", "zr_a", "zr_b")
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class DueImages:
    """Images that there should be.

    Args:
        time: Valid time of the frame, or reference time of the forecast, UTC.
        source: What they show: the first digits of a frame's hash, or the id of a forecast.
        make: Makes them.
    """

    time: datetime
    source: str
    make: Callable[[], Layers]


@dataclass(frozen=True)
class StreamImages:
    """Makes and removes images; every call does what is not done yet.

    Args:
        stores: Frames and forecasts.
        images: Where images lie.
    """

    stores: StreamStores
    images: ImageStore

    def update_observed(self, name: str) -> None:
        """Make the images of frames that are missing, and remove old ones."""
        self._replace(name, "observed", self._frames)

    def update_forecasts(self, name: str) -> None:
        """The same of forecasts."""
        self._replace(name, "forecasts", self._forecasts)

    def _replace(self, name: str, kind: Kind, due: Callable[[str], Iterator[DueImages]]) -> None:
        """Have the images that there should be; without a place on earth there are none."""
        origin = self.stores.streams.origin(name)
        if origin is None or origin.grid.earth is None:
            return
        try:
            if images := list(due(name)):
                self._have(name, kind, images)
        except (EchocastError, OSError) as error:
            log.warning("Images of the stream %s are left to the next frame: %s", name, error)

    def _have(self, name: str, kind: Kind, due: Sequence[DueImages]) -> None:
        """Have those images and no others, but newer ones that another worker made meanwhile."""
        stored = self.images.listing(name, kind)
        made = {one.source for one in stored}
        for images in due:
            if images.source not in made:
                self.images.add(name, kind, images.time, images.source, images.make)
        current, newest = {images.source for images in due}, max(images.time for images in due)
        for one in stored:
            if one.source not in current and one.time <= newest:
                self.images.remove(one)

    def _frames(self, name: str) -> Iterator[DueImages]:
        newest = self.stores.frames.newest_time(name)
        if newest is None:
            return
        for header in self.stores.frames.headers(name, TimeSpan(newest - SHOWN, newest)):
            make = partial(self._observed, name, header)
            yield DueImages(header.time, header.sha256[:HASH_LENGTH], make)

    def _observed(self, name: str, header: FrameHeader) -> Layers:
        frame = self.stores.frames.get(name, header.time)
        if frame is None:
            raise NotInArchive(f"The frame of {header.time.isoformat()} is gone.")
        values = frame.reflectivity_dbz
        about = {key: header.attributes[key] for key in ATTRIBUTES if key in header.attributes}
        every = sampling(values.shape)
        return observed_layers(values), ImageDescription((header.time,), None, every, about)

    def _forecasts(self, name: str) -> Iterator[DueImages]:
        for issued in islice(self.stores.forecasts.newest_first(name), FORECASTS):
            make = partial(self._forecast, issued)
            yield DueImages(issued.forecast_reference_time, issued.id, make)

    def _forecast(self, issued: IssuedForecast) -> Layers:
        reference, path = issued.forecast_reference_time, self.stores.forecasts.local_file(issued)
        frame = self.stores.frames.get(issued.stream, reference)
        origin = self.stores.streams.origin(issued.stream)
        assert origin is not None, "a forecast follows from frames"
        shape = origin.grid.shape
        observed = np.isfinite(frame.reflectivity_dbz) if frame else np.ones(shape, bool)
        about = {
            "id": issued.id,
            "model": f"{issued.model_name}/{issued.model_version}",
            "quality": dict(issued.quality),
            "issued": issued.issued.isoformat(),
        }
        return forecast_layers(path, observed), ImageDescription(
            issued.valid_times, reference, sampling(shape), about
        )
