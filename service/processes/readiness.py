"""A whole service for a while: started in a process tree of its own, asked until it is ready.

``python -m echocast.service.processes.readiness URL`` asks once: the health check of a container.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from echocast.service.errors import StartRefused
from echocast.service.processes.parent_watch import command

ASK_EVERY_SECONDS = 0.1
PATIENCE_SECONDS = 90.0
STOP_SECONDS = 40.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """True where a GET is answered by 200 within a second."""
    with contextlib.suppress(OSError, ValueError), OPENER.open(url, timeout=1.0) as answer:
        return bool(answer.status == 200)
    return False


def wait_until(url: str, process: subprocess.Popen[bytes], seconds: float) -> float:
    """Seconds until a GET is answered by 200.

    Raises:
        StartRefused: The process ended, or the answer did not come in time.
    """
    started = time.monotonic()
    while not answers(url):
        if process.poll() is not None:
            raise StartRefused(f"The service ended with code {process.returncode}.")
        if time.monotonic() - started > seconds:
            raise StartRefused(f"{url} did not answer by 200 within {seconds:g} seconds.")
        time.sleep(ASK_EVERY_SECONDS)
    return time.monotonic() - started


@contextmanager
def running_service(
    data_dir: Path, port: int, log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """``echocast up`` as a child, stopped at the end; its output goes to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command(
                "echocast.service.cli.main", "up", "--port", str(port), "--data", str(data_dir)
            ),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **(settings or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop_process(process)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to end and wait; kill it where it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
