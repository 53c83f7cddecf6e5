"""Whether workers are alive: a nowcast that no worker would start is refused."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from echocast.service.errors import NoWorker
from echocast.service.http.background import background_task
from echocast.workers.errors import AnotherStore, EngineUnavailable
from echocast.workers.jobs.job import WorkerInfo

LOOK_EVERY_SECONDS = 5.0


class WorkerPresence:
    """When a live worker was last seen.

    A worker may restart: nowcasts are refused only after ``tolerance_seconds`` without one. Jobs
    that were accepted meanwhile are safe in the engine.

    Args:
        alive_workers: Asks the engine.
        tolerance_seconds: How long none may have been seen.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        alive_workers: Callable[[], list[WorkerInfo]],
        tolerance_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.alive_workers = alive_workers
        self.tolerance_seconds = tolerance_seconds
        self.clock = clock
        self.last_alive: float | None = None

    async def look(self) -> list[WorkerInfo]:
        """The live workers now."""
        workers = await asyncio.to_thread(self.alive_workers)
        if workers:
            self.last_alive = self.clock()
        return workers

    async def require(self) -> None:
        """Make sure that a worker is there or was a moment ago.

        Raises:
            NoWorker: None has been seen for too long.
        """
        fresh = min(LOOK_EVERY_SECONDS, self.tolerance_seconds)
        if self._age() <= fresh or await self.look():
            return
        if self._age() > self.tolerance_seconds:
            raise NoWorker(self.absence())

    def absence(self) -> str:
        """How long none has been seen, in a sentence."""
        if self.last_alive is None:
            return "No worker has sent a heartbeat yet."
        return f"No worker has sent a heartbeat for {self._age():.0f} seconds."

    def _age(self) -> float:
        return float("inf") if self.last_alive is None else self.clock() - self.last_alive

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look now and then while the context lasts."""
        async with background_task(self._look_for_ever()):
            yield

    async def _look_for_ever(self) -> None:
        while True:
            with contextlib.suppress(RedisError, EngineUnavailable, AnotherStore):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_SECONDS)
