"""Places: the newest forecast and the newest frame of a stream at one place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.grid import Grid
from echocast.model.outlook.pixel import grid_pixel
from echocast.model.reflectivity import ZR
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.rain_window import Encoding, encoded
from echocast.service.errors import NoForecastYet
from echocast.service.streams.latest import LatestForecasts
from echocast.service.streams.schemas import PointForecast
from echocast.workers.streams.stores import StreamStores


@dataclass(frozen=True)
class ObservedPoint:
    """What the newest frame says of a pixel.

    Args:
        time: Valid time of the frame, UTC.
        rate_mm_h: Rain rate in mm/h; None: not observed there.
        attribution: Whom its source wants to be named; may be empty.
        licence: Of its source; may be empty.
    """

    time: datetime
    rate_mm_h: float | None
    attribution: str
    licence: str


@dataclass(frozen=True)
class WindowTime:
    """Rain of a part of the grid at one time.

    Args:
        time: Valid time, UTC.
        reference: Of the forecast; of an image its own time.
        rain: As it was to be encoded.
    """

    time: datetime
    reference: datetime
    rain: Any


@dataclass(frozen=True)
class Places:
    """Reads what is stored at places."""

    stores: StreamStores
    latest: LatestForecasts
    renderers: Pool

    async def point(self, name: str, latitude: float, longitude: float) -> PointForecast:
        """The newest forecast at one place.

        Raises:
            NoForecastYet: There is none.
            ContractViolation: The place is outside the grid, or the grid has no place on earth.
        """
        issued, path = await asyncio.to_thread(self.latest.newest, name)
        row, column = await asyncio.to_thread(self._pixel, name, latitude, longitude)
        pixel = {"row": row, "column": column}
        answer = await self.renderers.ask({"op": "point", "forecast": str(path), **pixel})
        reference = issued.forecast_reference_time
        times = map(datetime.fromisoformat, answer["valid_times"])
        return PointForecast.model_validate(
            {
                "stream": name,
                "forecast_reference_time": reference,
                "latitude": latitude,
                "longitude": longitude,
                "lead_minutes": [(time - reference).total_seconds() / 60 for time in times],
                **pixel,
                **answer,
            }
        )

    async def observed(self, name: str, row: int, column: int) -> ObservedPoint | None:
        """The newest frame at a pixel, which is decoded once for all of them; None before the
        first.
        """
        return await asyncio.to_thread(self._observed, name, row, column)

    async def window(self, name: str, bbox: Sequence[int], encoding: Encoding) -> list[WindowTime]:
        """A part of the newest image and of the newest forecast after it.

        Args:
            name: Of the stream.
            bbox: First row, first column, last row, last column.
            encoding: Of the rain, see :func:`.rain_window.encoded`.

        Raises:
            NoForecastYet: There is none.
        """
        issued, path = await asyncio.to_thread(self.latest.newest, name)
        request = {"forecast": str(path), "bbox": list(bbox), "encoding": encoding}
        answer = await self.renderers.ask({"op": "rain-window", **request})
        reference, times = issued.forecast_reference_time, answer["times"]
        observed = await asyncio.to_thread(self._observed_window, name, bbox, encoding)
        leads = [
            WindowTime(datetime.fromisoformat(time), reference, rain)
            for time, rain in zip(times, answer["rain"], strict=True)
        ]
        newest = observed[-1].time if observed else reference
        return observed + [lead for lead in leads if lead.time > newest]

    def _observed_window(
        self, name: str, bbox: Sequence[int], encoding: Encoding
    ) -> list[WindowTime]:
        """The newest image alone; nothing where it is damaged."""
        frame = self._newest_frame(name)
        if frame is None:
            return []
        top, left, bottom, right = bbox
        values, header = frame.reflectivity_dbz[top : bottom + 1, left : right + 1], frame.header
        rates = ZR.of_attributes(header.attributes).rain_rate_mm_h(
            values, no_rain_dbz=header.no_rain_dbz
        )
        return [WindowTime(header.time, header.time, encoded(rates, encoding))]

    def _newest_frame(self, name: str) -> StreamFrame | None:
        time = self.stores.frames.newest_time(name)
        return None if time is None else self.stores.frames.get(name, time)

    def _observed(self, name: str, row: int, column: int) -> ObservedPoint | None:
        frame = self._newest_frame(name)
        if frame is None:
            return None
        value, header = frame.reflectivity_dbz[row, column], frame.header
        relation = ZR.of_attributes(header.attributes)
        rate = float(relation.rain_rate_mm_h(value, no_rain_dbz=header.no_rain_dbz))
        return ObservedPoint(
            header.time,
            round(rate, 3) if np.isfinite(rate) else None,
            header.attributes.get("acknowledgement") or header.attributes.get("institution", ""),
            header.attributes.get("license", ""),
        )

    def _pixel(self, name: str, latitude: float, longitude: float) -> tuple[int, int]:
        return grid_pixel(self.grid(name), latitude, longitude)

    def grid(self, name: str) -> Grid:
        """Where the pixels of a stream are.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It had no frame yet.
        """
        self.stores.streams.stream(name)
        origin = self.stores.streams.origin(name)
        if origin is None:
            raise NoForecastYet(f"The stream {name!r} has no forecast: it had no frame yet.")
        return origin.grid
