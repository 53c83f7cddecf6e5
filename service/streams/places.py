"""Places: the newest forecast and the newest frame of a stream at one place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from echocast.model.outlook.pixel import grid_pixel
from echocast.model.reflectivity import ZR
from echocast.service.decoding.pool import Pool
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
class Places:
    """Reads what is stored at places.

    Args:
        stores: The files.
        latest: Finds the newest forecast.
        renderers: Child processes that read it.
    """

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

    def _observed(self, name: str, row: int, column: int) -> ObservedPoint | None:
        time = self.stores.frames.newest_time(name)
        frame = None if time is None else self.stores.frames.get(name, time)
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
        origin = self.stores.streams.origin(name)
        if origin is None:
            raise NoForecastYet(f"The stream {name!r} has no forecast: it had no frame yet.")
        return grid_pixel(origin.grid, latitude, longitude)
