"""The service that is attacked: `echocast up --workers 2`, its keys, and its processes by role."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echocast.service.auth.keys import new_key
from echocast.service.processes.parent_watch import command
from echocast.service.processes.readiness import answers, stop_process, wait_until
from tests.chaos.disk import SmallDisk, small_disk
from tests.ports import free_port
from tests.service.conftest import registry
from tests.service.processes.test_up import CLI, children
from tests.service.real_processes import Place, place

COMMAND_LINES = {
    "worker": "parent_watch echocast.workers",
    "gateway": "service.processes.gateway",
    "valkey": "valkey-server",
    "engine": "service.processes.engine",
    "decoder": "decoding.child decode",
}
SETTINGS = {  # leases end soon; what else is shortened lets the rest follow in time
    "lease_seconds": "8",
    "lease_renewal_seconds": "2",
    "janitor_seconds": "1",
    "unclaimed_seconds": "2",
    "stream_sweep_seconds": "3",
    "free_space_floor_bytes": "0",
    "refusals_per_minute": "30",
    "worker_concurrency": "4",  # so that jobs wait in the queue, where their order is decided
}
CALLERS = ("poster", "feeder", "waiter", "greedy", "small", "inspector")
READY_SECONDS = 180.0
LONGEST_COMMAND_SECONDS = 3600.0  # a minute where nothing else keeps the machine busy
GRACE_SECONDS = 15.0  # for what ends when its parent has ended


@dataclass(frozen=True)
class Service:
    """A running service.

    Args:
        place: Data folder and environment.
        url: Base URL.
        process: ``echocast up``.
        secrets: API keys by the names of their callers.
        log: What all its processes print.
        temporary: The folder for temporary files of all its processes.
    """

    place: Place
    url: str
    process: subprocess.Popen[bytes]
    secrets: Mapping[str, str]
    log: Path
    temporary: Path

    @property
    def store(self) -> Path:
        """The archive."""
        return self.place.data / "store"

    @property
    def supervisor(self) -> int:
        """Id of the process that starts again what died."""
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether `echocast up` itself is there."""
        return self.process.poll() is None

    def processes(self, role: str) -> list[int]:
        """Ids of the processes of a role that run now."""
        return sorted(children(self.process.pid, COMMAND_LINES[role]))

    def await_processes(self, role: str, count: int = 1) -> list[int]:
        """The same, once there are so many; fewer where they do not come."""
        end = time.monotonic() + READY_SECONDS
        while len(pids := self.processes(role)) < count and self.runs and time.monotonic() < end:
            time.sleep(0.02)
        return pids

    def await_ready(self, seconds: float = READY_SECONDS) -> bool:
        """Whether `/readyz` answers by 200, which is waited for."""
        end = time.monotonic() + seconds
        while not (ready := answers(f"{self.url}/readyz")) and time.monotonic() < end and self.runs:
            time.sleep(0.2)
        return ready

    def stop(self) -> list[str]:
        """Stop it; command lines of processes that are left over, which are then killed."""
        for role in COMMAND_LINES:
            for pid in self.processes(role):
                send(pid, signal.SIGCONT)
        stop_process(self.process)
        end = time.monotonic() + GRACE_SECONDS
        marks = str(self.place.data), str(self.temporary)
        while (left := processes_with(*marks)) and time.monotonic() < end:
            time.sleep(0.2)
        for pid in left:
            send(pid, signal.SIGKILL)
        return list(left.values())

    def command(self, *arguments: str) -> tuple[int | None, Any]:
        """Exit status and JSON of an `echocast` command beside the service; None: it hung."""
        try:
            done = subprocess.run(
                [*CLI, *arguments, "--json"],
                env=dict(self.place.environment),
                capture_output=True,
                text=True,
                timeout=LONGEST_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return None, {"error": str(error)}
        with suppress(ValueError):
            return done.returncode, json.loads(done.stdout)
        return done.returncode, {"error": done.stderr[-2000:]}


def send(pid: int, number: int) -> bool:
    """Send a signal; False where the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def processes_with(*marks: str) -> dict[int, str]:
    """Command lines of other processes that have one of the marks in it or in their environment."""
    pids = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
    lines = {pid: _line_with(pid, marks) for pid in pids - {os.getpid()}}
    return {pid: line for pid, line in lines.items() if line}


def _line_with(pid: int, marks: Sequence[str]) -> str:
    """Empty for a process without, and for one that has ended."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        text = line + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    marked = any(os.fsencode(mark) in text for mark in marks)
    return line.replace(b"\0", b" ").decode(errors="replace") if marked else ""


@contextmanager
def attacked(folder: Path, disk_bytes: int) -> Iterator[tuple[Service, SmallDisk | None]]:
    """A ready service with two workers, and the disk below it; all ends with the context.

    Args:
        folder: Of the log, the models and temporary files.
        disk_bytes: Size of the disk.
    """
    models = registry(folder / "models", kernel=1, layers=2)
    with (
        place(models, **SETTINGS) as where,
        small_disk(where.data, disk_bytes) as disk,
        running(where, folder, workers=2) as service,
    ):
        yield service, disk


@contextmanager
def running(where: Place, folder: Path, workers: int) -> Iterator[Service]:
    """`echocast up` with keys at a place, once it is ready; it is stopped with the context.

    Args:
        where: Data folder and environment.
        folder: Of the log and temporary files.
        workers: How many.
    """
    temporary, log = folder / "temporary", folder / "service.log"
    temporary.mkdir()
    keys = {name: new_key("admin" if name == "inspector" else "submit", name) for name in CALLERS}
    own = {"ECHOCAST_KEYS": ";".join(line for _, line in keys.values()), "TMPDIR": str(temporary)}
    where = replace(where, environment={**where.environment, **own})
    with _up(where, log, workers) as (process, url):
        secrets = {name: secret for name, (secret, _) in keys.items()}
        service = Service(where, url, process, secrets, log, temporary)
        try:
            yield service
        finally:
            service.stop()


@contextmanager
def _up(where: Place, log: Path, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    arguments = ("--port", str(port), "--workers", str(workers))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command("echocast.service.cli.main", "up", *arguments),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=dict(where.environment),
            start_new_session=True,
        )
    try:
        wait_until(f"http://127.0.0.1:{port}/readyz", process, READY_SECONDS)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        stop_process(process)
