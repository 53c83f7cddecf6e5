"""Renderings of forecasts: each is made once, shared by those who ask, and kept for a while."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask

from echocast.service.auth.account import current_account
from echocast.service.auth.rate_limit import RateLimit
from echocast.service.decoding.pool import Pool
from echocast.service.http.forecast_response import FileInFormat
from echocast.service.http.formats import Format
from echocast.workers.archive.scratch import Scratch

MOST_RENDERINGS = 64
MOST_BYTES = 512 * 1024 * 1024


class RenderingCache:
    """Renders forecasts by children, a limited number a minute for each caller.

    Args:
        renderers: Child processes that render.
        limit: How often one caller may have something rendered.
        scratch: Where renderings lie.
    """

    def __init__(self, renderers: Pool, limit: RateLimit, scratch: Scratch) -> None:
        self._renderers = renderers
        self._limit = limit
        self._folder = scratch.fresh()
        self._renderings: OrderedDict[str, asyncio.Task[Path]] = OrderedDict()

    async def file(self, tag: str, form: Format, request: Mapping[str, Any]) -> FileInFormat:
        """A rendering of its own name, and what removes that name after the answer.

        Args:
            tag: Changes when the rendering does.
            form: The format.
            request: See :meth:`Pool.render`.

        Raises:
            RateExceeded: The caller has used up its minute.
            RenderingFailed: The forecast cannot be rendered.
        """
        rendering = await self._rendering(tag, form, request)
        own = self._folder / f"{uuid.uuid4().hex}{form.suffix}"
        os.link(rendering, own)  # it may leave the cache before the answer is sent
        return own, BackgroundTask(own.unlink, missing_ok=True)

    async def draw(self, request: Mapping[str, Any], suffix: str) -> bytes:
        """A picture made by a child.

        Raises:
            RateExceeded: The caller has used up its minute.
            RenderingFailed: It cannot be drawn.
        """
        self._limit.take(current_account.get().name)
        output = self._folder / f"{uuid.uuid4().hex}{suffix}"
        try:
            path = await self._renderers.draw(request, output)
            return await asyncio.to_thread(path.read_bytes)
        finally:
            output.unlink(missing_ok=True)

    async def _rendering(self, tag: str, form: Format, request: Mapping[str, Any]) -> Path:
        """A rendering, made for the first who asks; those who ask meanwhile wait for it."""
        if tag not in self._renderings:
            self._limit.take(current_account.get().name)
            output = self._folder / f"{tag}{form.suffix}"
            rendering = self._renderers.render(form, request, output)
            self._renderings[tag] = asyncio.create_task(rendering)
        self._renderings.move_to_end(tag)
        try:
            path = await asyncio.shield(self._renderings[tag])
        except Exception:
            self._renderings.pop(tag, None)
            raise
        self._forget_oldest(tag)
        return path

    def _forget_oldest(self, current: str) -> None:
        while len(self._renderings) > MOST_RENDERINGS or self._bytes() > MOST_BYTES:
            tag, task = next(iter(self._renderings.items()))
            if tag == current:
                return
            del self._renderings[tag]
            task.add_done_callback(_remove)

    def _bytes(self) -> int:
        made = [task.result() for task in self._renderings.values() if _made(task)]
        return sum(path.stat().st_size for path in made)


def _made(task: asyncio.Task[Path]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _remove(task: asyncio.Task[Path]) -> None:
    if _made(task):
        task.result().unlink(missing_ok=True)
