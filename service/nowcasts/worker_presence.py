"""Whether workers are alive: a nowcast that no worker would start is refused."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from echocast.service.errors import NoWorker
from echocast.service.http.background import background_task
from echocast.service.nowcasts.start_times import StartTimes
from echocast.workers.errors import AnotherStore, EngineUnavailable
from echocast.workers.jobs.worker_info import WorkerInfo

LOOK_EVERY_SECONDS = 5.0
LOOK_AWAITED_SECONDS = 0.25  # while a caller waits for a worker


class WorkerPresence:
    """When a live worker was last seen.

    A worker may restart: nowcasts are refused only after ``tolerance_seconds`` without one. Jobs
    that were accepted meanwhile are safe in the engine.

    Args:
        alive_workers: Asks the engine.
        starts: How long starts take.
        tolerance_seconds: How long none may have been seen.
    """

    def __init__(
        self,
        alive_workers: Callable[[], list[WorkerInfo]],
        starts: StartTimes,
        tolerance_seconds: float,
    ) -> None:
        self.alive_workers = alive_workers
        self.tolerance_seconds = tolerance_seconds
        self.last_alive: float | None = None
        self._starts = starts
        self._started = time.monotonic()
        self._usual_seconds: float | None = None
        self._awaited = 0  # callers that wait for a worker
        self._stopping = False
        self._look_now = asyncio.Event()
        self._ended = asyncio.Event()  # the wait for a worker: one is there, or nobody may wait

    async def look(self) -> list[WorkerInfo]:
        """The live workers now."""
        workers = await asyncio.to_thread(self.alive_workers)
        if workers:
            self.last_alive = time.monotonic()
            self._ended.set()
        return workers

    async def require(self, seconds: float = 0.0) -> float:
        """Make sure that a worker is there or was a moment ago; the seconds that were waited.

        Args:
            seconds: How long the caller would wait for one.

        Raises:
            NoWorker: None has been seen for too long.
            EngineUnavailable: The engine does not answer.
        """
        begun = time.monotonic()
        if self._age() > min(LOOK_EVERY_SECONDS, self.tolerance_seconds):
            await self._look_or_wait(seconds)
        if self._age() > self.tolerance_seconds:
            raise self.absence()
        return time.monotonic() - begun

    async def _look_or_wait(self, seconds: float) -> None:
        """Look for a worker; where none is there, and may be waited for, look again in the end."""
        if not seconds:
            await self.look()
            return
        with contextlib.suppress(EngineUnavailable):
            await self.look()
        if self._age() > self.tolerance_seconds:
            await self._first_sign(seconds)
            await self.look()

    async def _first_sign(self, seconds: float) -> None:
        """Wait until a worker is seen, for some seconds, or the service stops."""
        self._ended.clear()
        self._awaited += 1
        self._look_now.set()
        try:
            async with asyncio.timeout(0 if self._stopping else seconds):
                await self._ended.wait()
        except TimeoutError:
            pass
        finally:
            self._awaited -= 1

    def stop(self) -> None:
        """Let nobody wait any longer: the service stops."""
        self._stopping = True
        self._ended.set()

    def absence(self) -> NoWorker:
        """How long none has been seen; while the service starts, how long that usually takes."""
        if self.last_alive is not None:
            return NoWorker(f"No worker has sent a heartbeat for {self._age():.0f} seconds.")
        starting, usual = time.monotonic() - self._started, self._usual_seconds
        sentence = f"No worker is ready yet: the service has been starting for {starting:.0f} s"
        if usual is None:
            return NoWorker(f"{sentence}.")
        left = max(1, math.ceil(usual - starting))
        return NoWorker(f"{sentence}; usually it takes {usual:.0f} s.", left)

    def _age(self) -> float:
        return float("inf") if self.last_alive is None else time.monotonic() - self.last_alive

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look now and then while the context lasts."""
        self._started = time.monotonic()
        async with background_task(self._look_for_ever()):
            yield

    async def _look_for_ever(self) -> None:
        starts = False
        while True:
            with contextlib.suppress(RedisError, EngineUnavailable, AnotherStore):
                if starts and self._usual_seconds is None:
                    self._usual_seconds = await asyncio.to_thread(self._starts.usual)
                if not await self.look():
                    starts = self.last_alive is None
                elif starts:
                    starts = False
                    await asyncio.to_thread(self._starts.add, time.monotonic() - self._started)
            await self._pause()

    async def _pause(self) -> None:
        """Until the next look: soon, while the service starts or somebody waits for a worker."""
        if self._awaited or self.last_alive is None:
            await asyncio.sleep(LOOK_AWAITED_SECONDS)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_SECONDS):
                await self._look_now.wait()
        self._look_now.clear()
