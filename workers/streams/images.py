"""StreamImages: images for maps are made as frames come and forecasts are issued.

They follow from the files of frames and forecasts, and only the newest are stored: the observed
frames of two hours, what half an hour before was forecast for them, and two forecasts. What a
killed process left undone is made with the next frame.
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
from echocast.model.grid import FloatArray
from echocast.model.imagery.image_file import ImageDescription, sampling
from echocast.model.imagery.layers import difference_layer, forecast_layers, observed_layers
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.image_store import ImageStore, Kind, Layers
from echocast.workers.streams.paths import HASH_LENGTH, TimeSpan
from echocast.workers.streams.stores import StreamStores

SHOWN: Final = timedelta(hours=2)  # back from the newest frame
FORECASTS: Final = 2  # the newest, and the one before, which a map may still show
JUDGED_LEAD: Final = timedelta(minutes=30)  # of the forecasts beside what was then observed
NEAR_LEAD: Final = timedelta(minutes=10)  # how far from that it may be: steps differ
ATTRIBUTES: Final = ("institution", "source", "license", "acknowledgement", "zr_a", "zr_b")
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class DueImages:
    """Images that there should be.

    Args:
        time: Valid time of the frame, or reference time of the forecast, UTC.
        source: What they show: the first digits of a frame's hash, the id of a forecast, or both.
        make: Makes them.
    """

    time: datetime
    source: str
    make: Callable[[], Layers]


@dataclass(frozen=True)
class StreamImages:
    """Makes and removes images; every call does what is not done yet."""

    stores: StreamStores
    images: ImageStore

    def update_observed(self, name: str) -> None:
        """Make the images of frames that are missing, and remove old ones."""
        self._replace(name, "observed", self._frames)

    def update_forecasts(self, name: str) -> None:
        """The same of forecasts."""
        self._replace(name, "forecasts", self._forecasts)

    def update_differences(self, name: str) -> None:
        """The same of what was forecast for frames, beside what they show."""
        self._replace(name, "differences", self._differences)

    def _replace(self, name: str, kind: Kind, due: Callable[[str], Iterator[DueImages]]) -> None:
        """Have the images that there should be; without a place on earth there are none."""
        origin = self.stores.streams.origin(name)
        if origin is None or origin.grid.earth is None:
            return
        try:
            self._have(name, kind, list(due(name)))
        except (EchocastError, OSError) as error:
            log.warning("Images of the stream %s are left to the next frame: %s", name, error)

    def _have(self, name: str, kind: Kind, due: Sequence[DueImages]) -> None:
        """Have those images and no others, but newer ones that another worker made meanwhile."""
        stored = self.images.listing(name, kind)
        made = {one.source for one in stored}
        for images in due:
            if images.source not in made:
                self.images.add(name, kind, images.time, images.source, images.make)
        current = {images.source for images in due}
        newest = max((images.time for images in due), default=None)
        for one in stored:
            if one.source not in current and (newest is None or one.time <= newest):
                self.images.remove(one)

    def _shown_frames(self, name: str) -> list[FrameHeader]:
        newest = self.stores.frames.newest_time(name)
        span = newest and TimeSpan(newest - SHOWN, newest)
        return list(self.stores.frames.headers(name, span)) if span else []

    def _frames(self, name: str) -> Iterator[DueImages]:
        for header in self._shown_frames(name):
            make = partial(self._observed, name, header)
            yield DueImages(header.time, header.sha256[:HASH_LENGTH], make)

    def _values(self, name: str, header: FrameHeader) -> FloatArray:
        frame = self.stores.frames.get(name, header.time)
        if frame is None:
            raise NotInArchive(f"The frame of {header.time.isoformat()} is gone.")
        return frame.reflectivity_dbz

    def _observed(self, name: str, header: FrameHeader) -> Layers:
        values = self._values(name, header)
        about = {key: header.attributes[key] for key in ATTRIBUTES if key in header.attributes}
        every = sampling(values.shape)
        return observed_layers(values), ImageDescription((header.time,), None, every, about)

    def _differences(self, name: str) -> Iterator[DueImages]:
        """What was forecast for each frame; of files that are gone or reduced what there is."""
        headers = self._shown_frames(name)
        if not headers:
            return
        first, last = (headers[k].time - JUDGED_LEAD for k in (0, -1))
        span = TimeSpan(first - NEAR_LEAD, last + NEAR_LEAD)
        issued = [one for one in self.stores.forecasts.listing(name, span) if one.served]
        made = {one.source for one in self.images.listing(name, "differences")}
        for header in headers:
            judged = _judged(issued, header.time)
            if judged is None:
                continue
            source = f"{header.sha256[:HASH_LENGTH]}-{judged.id}"
            if judged.countable or source in made:
                yield DueImages(
                    header.time, source, partial(self._difference, name, header, judged)
                )

    def _difference(self, name: str, header: FrameHeader, judged: IssuedForecast) -> Layers:
        values, path = self._values(name, header), self.stores.forecasts.local_file(judged)
        reference, every = judged.forecast_reference_time, sampling(values.shape)
        description = ImageDescription((header.time,), reference, every, {"id": judged.id})
        return difference_layer(path, header.time, values), description

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


def _judged(issued: Sequence[IssuedForecast], time: datetime) -> IssuedForecast | None:
    """The forecast for a time that was made about half an hour before; None where there is none."""

    def off(forecast: IssuedForecast) -> timedelta:
        return abs(time - forecast.forecast_reference_time - JUDGED_LEAD)

    near = [one for one in issued if time in one.valid_times and off(one) <= NEAR_LEAD]
    return min(near, key=off, default=None)
