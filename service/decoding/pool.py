"""A warm pool of limited child processes that read what callers sent, in place of the gateway.

netCDF4 and HDF5 run in no other process of the service. A child that hung or died is replaced; so
is one that has answered often or holds much memory, before leaks add up. A child that only refused
an input goes on: a new process for each refusal would let one caller's junk cost others dearly.
What a child died of is asked of another one once: only what crashes both is the input's fault.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from echocast.model.errors import (
    ContractViolation,
    EchocastError,
    InputError,
    InputTooLarge,
    NotStored,
    UnreadableInput,
    UnsupportedInput,
)
from echocast.service.auth.account import current_account
from echocast.service.decoding.child_process import ChildDied, ChildLimits, ChildProcess
from echocast.service.decoding.fair_queue import FairQueue
from echocast.service.errors import Busy, ChildLost
from echocast.service.http.formats import Format
from echocast.workers.errors import DiskFull, NoFileHandles, Shortage

log = logging.getLogger("echocast.decode")

ANSWERS_PER_LIFE = 2000
RESIDENT_BYTES = 512 * 1024 * 1024  # that a child may hold between two requests
PAUSE_SECONDS = 0.2  # before a child that died is replaced: it may be dying at its start
LONGEST_PAUSE_SECONDS = 10.0
REFUSALS: dict[str, type[InputError]] = {
    cls.__name__: cls
    for cls in (
        ContractViolation,
        InputError,
        InputTooLarge,
        NotStored,
        UnreadableInput,
        UnsupportedInput,
    )
}

SHORTAGES: dict[str, type[Shortage]] = {cls.__name__: cls for cls in (DiskFull, NoFileHandles)}


class RenderingFailed(EchocastError):
    """A forecast that we wrote ourselves could not be rendered."""


class Pool:
    """Children of one role.

    Args:
        role: ``decode`` or ``render``: what the children warm up for.
        size: How many.
        limits: What each may use.
        backlog: Most callers that wait for a child; accounts take turns.
        on_recycle: Called with the reason when a child is replaced.
    """

    def __init__(
        self,
        role: str,
        size: int,
        limits: ChildLimits,
        backlog: int,
        on_recycle: Callable[[str], None],
    ) -> None:
        self.role = role
        self.size = size
        self.limits = limits
        self.on_recycle = on_recycle
        self.idle: FairQueue[ChildProcess] = FairQueue(f"{role} process", backlog)
        self.children: set[ChildProcess] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the children while the context lasts; they warm up in the background."""
        for _ in range(self.size):
            self._in_background(self._add())
        try:
            yield
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await asyncio.gather(*(child.stop() for child in self.children))

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of some child.

        Raises:
            InputError: The child refused the input, or the input stalled it or crashed two.
            Shortage: The child had no room on the disk, or too many files were open.
            ChildLost: Two children died, and not both of the input.
            Busy: Too many wait already.
            ShareUsed: Too many of the same account do.
        """
        try:
            answer = await self._answer(request)
        except ChildDied as first:
            answer = await self._second_answer(request, first)
        if "error" in answer:
            raise _refusal(answer["error"])
        return dict(answer["result"])

    async def _second_answer(self, request: Mapping[str, Any], first: ChildDied) -> dict[str, Any]:
        try:
            return await self._answer(request)
        except ChildDied as second:
            if first.crashed and second.crashed:
                message = "The input crashed two processes that tried to read it."
                return _error("UnreadableInput", message, "decoder-crash")
            raise ChildLost(
                f"Two {self.role} processes were ended from outside; the same request may succeed"
                " later."
            ) from second

    async def render(self, form: Format, request: Mapping[str, Any], output: Path) -> Path:
        """A forecast file in another format, written to ``output`` by a child.

        Args:
            form: The format.
            request: ``forecast``: path of the file; for pictures also ``inputs`` and ``observed``
                (files of frames) and ``verification`` (scores), where there are any.
            output: Where to write.

        Raises:
            RenderingFailed: The forecast cannot be rendered.
        """
        kind = {
            "op": "render",
            "format": form.name,
            "product": form.product,
            "zipped": form.zipped,
        }
        return await self.draw({**kind, **request}, output)

    async def draw(self, request: Mapping[str, Any], output: Path) -> Path:
        """What a child makes of our own data, written to ``output``.

        Raises:
            RenderingFailed: It cannot be done.
        """
        try:
            await self.ask({**request, "output": str(output)})
        except InputError as error:  # our own file: not the caller's fault
            raise RenderingFailed(f"The forecast could not be rendered: {error}") from error
        return output

    async def _take(self) -> ChildProcess:
        account = current_account.get().name
        try:
            async with asyncio.timeout(self.limits.seconds):
                while not (child := await self.idle.get(account)).alive:
                    self._replace(child, "died")
            return child
        except TimeoutError as error:
            raise Busy(f"No {self.role} process became free in time.") from error

    async def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        child = await self._take()
        reason = "cancelled"
        try:
            answer = await child.ask(request)
            reason = _worn(answer)
        except ChildDied:
            reason = "died"
            raise
        except TimeoutError:
            reason = "timeout"
            took = f"took more than {self.limits.seconds:g} seconds to decode"
            answer = _error("InputTooLarge", f"The input {took}.", "decode-time")
        finally:
            if reason:
                self._replace(child, reason)
            else:
                self.idle.put(child)
        return answer

    def _replace(self, child: ChildProcess, reason: str) -> None:
        self.on_recycle(reason)
        if reason in ("died", "timeout"):
            log.warning("A %s process %s and is replaced", self.role, reason)
        self._in_background(self._retire(child))
        self._in_background(self._add(PAUSE_SECONDS if reason == "died" else 0.0))

    async def _retire(self, child: ChildProcess) -> None:
        await child.stop()
        self.children.discard(child)

    async def _add(self, after_seconds: float = 0.0) -> None:
        await asyncio.sleep(after_seconds)
        child = await self._started()
        self.children.add(child)
        self.idle.put(child)

    async def _started(self) -> ChildProcess:
        """A child, as soon as the system can start one."""
        pause = PAUSE_SECONDS
        while True:
            try:
                return await ChildProcess.start(self.role, self.limits)
            except OSError as error:
                log.error("A %s process can't be started and is tried again: %s", self.role, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _worn(answer: Mapping[str, Any]) -> str:
    """Why a child that answered is replaced; empty: it goes on."""
    if answer["resident_bytes"] > RESIDENT_BYTES:
        return "memory"
    return "worn" if answer["answers"] >= ANSWERS_PER_LIFE else ""


def _error(name: str, message: str, rule: str) -> dict[str, Any]:
    return {"error": {"type": name, "message": message, "rule": rule}}


def _refusal(error: Mapping[str, Any]) -> EchocastError:
    if shortage := SHORTAGES.get(error["type"]):
        return shortage(error["message"])
    if error["type"] not in REFUSALS:
        return RenderingFailed(error["message"])
    return REFUSALS[error["type"]](error["message"], rule=error["rule"])
