"""The service that the benchmark measures: engine, gateway and workers, each a process of ours."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from echocast.service.benchmark import processor_time
from echocast.service.benchmark.figures import BenchmarkFailed, Measured, Say
from echocast.service.processes.listening import free_port
from echocast.service.processes.parent_watch import command
from echocast.service.processes.readiness import stop_process, wait_until
from echocast.service.processes.up import worker_roles
from echocast.service.settings import ServiceSettings
from echocast.workers.engine.url import embedded_url
from echocast.workers.jobs.store import JobStore

START_SECONDS = 60.0
REQUEST_SECONDS = 300.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class MeasuredService:
    """What is asked, and what its processes cost.

    Args:
        client: Asks the gateway.
        processes: By role; there may be several workers.
        starts: How long gateway and worker took to start.
    """

    client: httpx.Client
    processes: Mapping[str, list[subprocess.Popen[bytes]]]
    starts: list[Measured] = field(default_factory=list)

    def processor_seconds(self) -> dict[str, float | None]:
        """Seconds of processor time so far, by role with all children, and of this process."""
        seconds = {
            role: _sum([processor_time.processor_seconds(process.pid) for process in running])
            for role, running in self.processes.items()
        }
        return {**seconds, "clients": time.process_time()}

    def worker_peak_mib(self) -> float | None:
        """Largest resident size of any worker so far; None where the system does not say."""
        peaks = [_peak_mib(process.pid) for process in self.processes["worker"]]
        return max((peak for peak in peaks if peak is not None), default=None)


@contextmanager
def measured_service(
    data: Path, models: str | None, workers: int, say: Say
) -> Iterator[MeasuredService]:
    """Engine, gateway and workers, started one after the other and timed.

    Raises:
        StartRefused: One ended or was not ready in time, or there are too many workers.
        BenchmarkFailed: Not all workers were ready in time.
    """
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "ECHOCAST_DATA_DIR": str(data), "ECHOCAST_PORT": str(port)}
    environment |= {"ECHOCAST_MODELS_DIR": models} if models else {}
    roles = worker_roles(ServiceSettings(workers=workers), 0)
    processes: dict[str, list[subprocess.Popen[bytes]]] = {}

    def start(role: str, module: str, **settings: str) -> subprocess.Popen[bytes]:
        say(f"Starting the {role}")
        process = subprocess.Popen(
            command(module),
            stdin=subprocess.PIPE,
            env={**environment, **settings},
            stderr=subprocess.DEVNULL,
        )
        processes.setdefault(role, []).append(process)
        return process

    try:
        start("engine", "echocast.service.processes.engine")
        _await_engine(data)
        gateway = start("gateway", "echocast.service.processes.gateway")
        gateway_seconds = wait_until(f"{url}/healthz", gateway, START_SECONDS)
        first, *others = [start("worker", role.module, **role.settings) for role in roles]
        worker_seconds = wait_until(f"{url}/readyz", first, START_SECONDS)
        with httpx.Client(base_url=url, timeout=REQUEST_SECONDS, trust_env=False) as client:
            _await_workers(client, 1 + len(others))
            starts = [
                Measured("gateway start to /healthz", gateway_seconds, "s", "<= 2"),
                Measured("worker start to /readyz", worker_seconds, "s", "<= 8"),
            ]
            yield MeasuredService(client, processes, starts)
    finally:
        for running in reversed(processes.values()):
            for process in running:
                stop_process(process)


def _await_engine(data: Path) -> None:
    store = JobStore(embedded_url(data / "engine"), patience_seconds=START_SECONDS)
    store.ping()
    store.close()


def _await_workers(client: httpx.Client, count: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while len(client.get("/readyz").json()["workers"]) < count:
        if time.monotonic() > give_up:
            raise BenchmarkFailed(f"{count} workers were not ready in {START_SECONDS:g} seconds.")
        time.sleep(LOOK_SECONDS)


def _sum(seconds: list[float | None]) -> float | None:
    """None where one is not known."""
    known = [value for value in seconds if value is not None]
    return sum(known) if len(known) == len(seconds) else None


def _peak_mib(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match.group(1)) / 1024 if match else None
