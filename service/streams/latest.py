"""The newest forecast of a stream in any format, rendered once for all callers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

from starlette.responses import Response

from echocast.service.decoding.rendering_cache import RenderingCache
from echocast.service.errors import NoForecastYet
from echocast.service.http.forecast_response import FileInFormat, forecast_response
from echocast.service.http.formats import Format
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.stores import StreamStores


class LatestForecasts:
    """Hands out forecasts of streams."""

    def __init__(self, stores: StreamStores, renderings: RenderingCache) -> None:
        self._stores = stores
        self._renderings = renderings

    async def serve(self, name: str, form: Format, known_etags: str) -> Response:
        """The newest forecast of a stream, or 304 where the caller has it already.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It has not issued one that is there.
        """
        issued, path, caching = await asyncio.to_thread(self._newest, name)
        tag = f"{path.stem}-{form.variant}"
        return await forecast_response(
            form,
            known_etags,
            partial(self._file, tag, form, path),
            tag=tag,
            name=f"{name}_{issued.forecast_reference_time:%Y%m%dT%H%MZ}",
            caching=caching,
        )

    def newest(self, name: str) -> tuple[IssuedForecast, Path]:
        """The newest forecast whose file is there and undamaged, and that file.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It has issued none, or none is left.
        """
        self._stores.streams.stream(name)
        for issued in self._stores.forecasts.newest_first(name):
            with suppress(NotInArchive):
                return issued, self._stores.forecasts.local_file(issued)
        raise NoForecastYet(
            f"The stream {name!r} has no forecast: none was issued yet, or none is left undamaged."
        )

    def _newest(self, name: str) -> tuple[IssuedForecast, Path, Mapping[str, str]]:
        """The newest forecast: fresh until the next frame is due, stale where that is late."""
        issued, path = self.newest(name)
        step = self._stores.streams.stream(name).step
        header = self._stores.frames.header(name, issued.forecast_reference_time)
        now = datetime.now(UTC)
        left = max((header.received if header else issued.issued) + step - now, timedelta(0))
        caching = {
            "Expires": format_datetime(now + left, usegmt=True),
            "Last-Modified": format_datetime(issued.issued, usegmt=True),
            "Cache-Control": f"private, max-age={int(left.total_seconds())}",
        }
        return issued, path, caching

    async def _file(self, tag: str, form: Format, source: Path) -> FileInFormat:
        if form.name == "netcdf":
            return source, None
        return await self._renderings.file(tag, form, {"forecast": str(source)})
