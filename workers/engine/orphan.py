"""An orphan: an engine whose supervisor was killed; it is stopped before a new one starts.

Stopping loses nothing, since every write is on disk. The new engine is a child of this process: its
end is noticed at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import redis

from echocast.workers.engine.url import SOCKET_NAME, client_url, embedded_url
from echocast.workers.errors import EngineError

POLITE_SECONDS = 5.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.02


def stop_orphan(directory: Path) -> None:
    """Stop the engine that still serves a directory: by command, then by signals.

    Raises:
        EngineError: It can't be stopped.
    """
    pid = _pid_by_socket(directory) or _pid_by_file(directory)
    if pid is None:
        return
    for signal_number, patience in (
        (signal.SIGTERM, POLITE_SECONDS),
        (signal.SIGKILL, KILL_SECONDS),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        if _gone(pid, directory, patience):
            return
    raise EngineError(f"The orphaned engine with process id {pid} in {directory} can't be stopped.")


def _pid_by_socket(directory: Path) -> int | None:
    """The process id that the engine behind our private socket reports."""
    client = redis.Redis.from_url(client_url(embedded_url(directory)), socket_timeout=1)
    with client, contextlib.suppress(redis.RedisError):
        return int(client.info("server")["process_id"])
    return None


def _pid_by_file(directory: Path) -> int | None:
    """For an engine that hangs: its pid file, if that process is really it."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((directory / "valkey.pid").read_text())
        return pid if _serves(pid, directory) else None
    return None


def _serves(pid: int, directory: Path) -> bool:
    """True where the process names our socket in its title: process ids are used again."""
    return os.fsencode(directory / SOCKET_NAME) in _command_line(pid)


def _command_line(pid: int) -> bytes:
    """Empty for a process that has ended, also a zombie."""
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        return b""
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, check=False).stdout


def _gone(pid: int, directory: Path, patience: float) -> bool:
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        if not _serves(pid, directory):
            return True
        time.sleep(POLL_SECONDS)
    return False
