"""Waiting for jobs without polling and without a thread per client.

One pub/sub subscription serves the whole gateway. A waiter registers first and reads the job
afterwards, so that no message can fall between; after a reconnect every waiter reads again, since
messages may have been lost meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from echocast.service.http.background import background_task
from echocast.workers.engine.url import connection_options
from echocast.workers.errors import EngineUnavailable

log = logging.getLogger("echocast.waiting")
State = TypeVar("State")

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


class Waiting:
    """Who waits for which job."""

    def __init__(self, redis_url: str, channel: str) -> None:
        self.redis_url = redis_url
        self.channel = channel
        self.waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.stopping = False

    async def until(
        self,
        job_id: str,
        read: Callable[[], Awaitable[State]],
        done: Callable[[State], bool],
        seconds: float,
    ) -> State:
        """The newest state of a job: as soon as it is ``done``, after ``seconds``, or at a stop.

        Raises:
            EngineUnavailable: The engine was away, and did not come back in time.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        with self.listening(job_id) as event:
            while True:
                event.clear()
                try:
                    state = await read()
                except EngineUnavailable:
                    if self.stopping or not await self._signalled(event, deadline):
                        raise
                    continue
                if done(state) or self.stopping or not await self._signalled(event, deadline):
                    return state

    @staticmethod
    async def _signalled(event: asyncio.Event, deadline: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                return await event.wait()
        except TimeoutError:
            return False

    @contextmanager
    def listening(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at every message about the job."""
        event = asyncio.Event()
        self.waiters[job_id].add(event)
        try:
            yield event
        finally:
            self.waiters[job_id].discard(event)
            if not self.waiters[job_id]:
                del self.waiters[job_id]

    def hear(self, payload: str) -> None:
        """Wake those who wait for the job that a message names."""
        with contextlib.suppress(ValueError, TypeError, KeyError):
            for event in self.waiters.get(json.loads(payload)["id"], ()):
                event.set()

    def wake_all(self) -> None:
        """Make everybody read again."""
        for events in self.waiters.values():
            for event in events:
                event.set()

    def stop(self) -> None:
        """Let nobody wait any longer: the service stops."""
        self.stopping = True
        self.wake_all()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the subscription while the context lasts."""
        async with background_task(self._subscribe_for_ever()):
            yield

    async def _subscribe_for_ever(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async for payload in self._messages():
                    pause = FIRST_PAUSE_SECONDS
                    self.hear(payload)
            except (RedisError, OSError) as error:
                level = logging.WARNING if pause == FIRST_PAUSE_SECONDS else logging.DEBUG
                log.log(level, "The engine sends no messages; trying again: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _messages(self) -> AsyncIterator[str]:
        async with (
            Redis.from_url(
                self.redis_url, decode_responses=True, **connection_options(self.redis_url)
            ) as client,
            client.pubsub() as subscription,
        ):
            await subscription.subscribe(self.channel)
            async for message in subscription.listen():
                if message["type"] == "subscribe":
                    self.wake_all()
                elif message["type"] == "message":
                    yield message["data"]
