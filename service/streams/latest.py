"""The newest forecast of a stream in any format, rendered once for all callers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from echocast.model.errors import InputError
from echocast.service.decoding.pool import Pool, RenderingFailed
from echocast.service.decoding.scratch import Scratch
from echocast.service.errors import NoForecastYet
from echocast.service.http.formats import Format
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.stores import StreamStores

KEPT = 32  # renderings on disk


class _LargeFile(FileResponse):
    """A file sent in few pieces: each one costs a change of threads."""

    chunk_size = 4 * 1024 * 1024


@dataclass(frozen=True)
class _Shown:
    """The newest forecast, where its file lies, and headers that say how long it is fresh."""

    issued: IssuedForecast
    path: Path
    freshness: Mapping[str, str]


class LatestForecasts:
    """Hands out forecasts of streams.

    Args:
        stores: The files.
        renderers: Child processes that render.
        scratch: Where renderings lie.
    """

    def __init__(self, stores: StreamStores, renderers: Pool, scratch: Scratch) -> None:
        self._stores = stores
        self._renderers = renderers
        self._folder = scratch.fresh()
        self._rendered: OrderedDict[str, asyncio.Task[Path]] = OrderedDict()

    async def show(self, name: str, wanted: Format, known_etags: str) -> Response:
        """The newest forecast of a stream, or 304 where the caller has it already.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It has not issued one.
            NotInArchive: It was removed.
        """
        shown = await asyncio.to_thread(self._look, name)
        tag = f"{shown.path.stem}-{wanted.variant}"
        headers = {"ETag": f'"{tag}"', "Vary": "Accept", **shown.freshness}
        if headers["ETag"] in known_etags:
            return Response(status_code=304, headers=headers)
        path = shown.path
        if wanted.name != "netcdf":
            path = await self._rendering(tag, wanted, path)
        inline = wanted.name in ("png", "webp")
        time = shown.issued.forecast_reference_time
        return _LargeFile(
            path,
            headers=headers,
            media_type=wanted.media_type,
            filename=f"{name}_{time:%Y%m%dT%H%MZ}{wanted.suffix}",
            content_disposition_type="inline" if inline else "attachment",
        )

    def latest(self, name: str) -> IssuedForecast:
        """The newest forecast that was served.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It has not issued one.
        """
        self._stores.streams.stream(name)
        issued = self._stores.forecasts.latest(name)
        if issued is None:
            raise NoForecastYet(f"The stream {name!r} has not issued a forecast yet.")
        return issued

    def _look(self, name: str) -> _Shown:
        """The newest forecast: fresh until the next frame is due, stale where that is late."""
        issued = self.latest(name)
        step = self._stores.streams.stream(name).step
        header = self._stores.frames.header(name, issued.forecast_reference_time)
        now = datetime.now(UTC)
        left = max((header.received if header else issued.issued) + step - now, timedelta(0))
        freshness = {
            "Expires": format_datetime(now + left, usegmt=True),
            "Last-Modified": format_datetime(issued.issued, usegmt=True),
            "Cache-Control": f"private, max-age={int(left.total_seconds())}",
        }
        return _Shown(issued, self._stores.forecasts.local_file(issued), freshness)

    async def _rendering(self, tag: str, wanted: Format, source: Path) -> Path:
        """A rendering, made by the first who asks; those who ask meanwhile wait for it."""
        if tag not in self._rendered:
            request: dict[str, Any] = {
                "op": "render",
                "format": wanted.name,
                "product": wanted.product,
                "forecast": str(source),
                "inputs": None,
                "observed": [],
                "verification": None,
            }
            output = self._folder / f"{tag}{wanted.suffix}"
            self._rendered[tag] = asyncio.create_task(self._made(request, output))
            await self._forget_oldest()
        self._rendered.move_to_end(tag)
        try:
            return await asyncio.shield(self._rendered[tag])
        except Exception:
            self._rendered.pop(tag, None)
            raise

    async def _forget_oldest(self) -> None:
        while len(self._rendered) > KEPT:
            _, task = self._rendered.popitem(last=False)
            task.add_done_callback(_remove)

    async def _made(self, request: Mapping[str, Any], output: Path) -> Path:
        try:
            await self._renderers.ask({**request, "output": str(output)})
        except InputError as error:  # our own file: not the caller's fault
            raise RenderingFailed(f"The forecast could not be rendered: {error}") from error
        return output

    async def drawn(self, request: Mapping[str, Any], suffix: str) -> bytes:
        """A picture made by a child."""
        output = self._folder / f"{id(request)}{suffix}"
        try:
            path = await self._made(request, output)
            return await asyncio.to_thread(path.read_bytes)
        finally:
            output.unlink(missing_ok=True)


def _remove(task: asyncio.Task[Path]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().unlink(missing_ok=True)
