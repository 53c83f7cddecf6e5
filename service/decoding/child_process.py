"""One limited child process that answers JSON lines over its pipes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

LINE_LIMIT_BYTES = 16 * 1024 * 1024
PASSED_ON = (
    "ECHOCAST_LOG",
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "MPLCONFIGDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "SSL_CERT_FILE",
)
END_SECONDS = 5.0
CRASHES = tuple(
    -number
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ChildDied(Exception):
    """The child ended instead of answering.

    Args:
        crashed: What it worked on made it end; else it was ended from outside.
    """

    def __init__(self, *, crashed: bool) -> None:
        super().__init__()
        self.crashed = crashed


@dataclass(frozen=True)
class ChildLimits:
    """What one child may use.

    Args:
        memory_bytes: Address space.
        seconds: Wall time and CPU time of one answer.
    """

    memory_bytes: int
    seconds: float


class ChildProcess:
    """A started ``python -m echocast.service.decoding.child``; one request at a time."""

    def __init__(self, process: Process, limits: ChildLimits) -> None:
        self.process = process
        self.limits = limits

    @classmethod
    async def start(cls, role: str, limits: ChildLimits) -> ChildProcess:
        """Start a child that warms up for ``role`` and then reads requests."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "echocast.service.decoding.child", role),
            *(str(limits.memory_bytes), str(limits.seconds)),
            stdin=PIPE,
            stdout=PIPE,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | ONE_THREAD,
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,  # Ctrl-C is for the gateway to handle
        )
        return cls(process, limits)

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self.process.returncode is None

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The child's answer.

        Raises:
            ChildDied: It ended without one.
            TimeoutError: It took too long.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(self.limits.seconds):
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                await self.process.stdin.drain()
                line = await self.process.stdout.readline()
        except ValueError as error:
            raise ChildDied(crashed=True) from error  # its answer is too long
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            raise ChildDied(crashed=await self._end() in CRASHES)
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _end(self) -> int | None:
        """How a child ended that has closed its pipe. To kill it now would hide that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.process.wait()
        return self.process.returncode

    async def stop(self) -> None:
        """End the process now and reap it."""
        if self.alive:
            self.process.kill()
        await self.process.wait()
