"""Real processes for the tests: each is stopped by its own id."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from echocast.service.processes.parent_watch import command
from echocast.service.processes.readiness import stop_process, wait_until
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.jobs.store import JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.settings import WorkerSettings
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

# A whole worker, but for a network that repeats the last frame: it starts without torch, four times
# as fast. For tests that kill many and ask none what it forecasts.
FAKE_WORKER = "tests.workers.worker_with_fake"
GATEWAY = "echocast.service.processes.gateway"
QUICK = {
    "ECHOCAST_LEASE_SECONDS": "2",
    "ECHOCAST_LEASE_RENEWAL_SECONDS": "0.5",
    "ECHOCAST_JANITOR_SECONDS": "0.3",
    "ECHOCAST_UNCLAIMED_SECONDS": "1",
    "ECHOCAST_THREADS": "1",
    "ECHOCAST_DRAIN_SECONDS": "0.1",
    "ECHOCAST_DECODE_PROCESSES": "1",  # each start of a gateway starts them
    "ECHOCAST_REFUSALS_PER_MINUTE": "0",
}


@dataclass(frozen=True)
class Place:
    """A data directory and what every process of its service is told."""

    data: Path
    environment: Mapping[str, str]

    @property
    def settings(self) -> WorkerSettings:
        return WorkerSettings.model_validate({"data_dir": self.data})

    def store(self) -> JobStore:
        return JobStore(self.settings.engine_url, self.settings.job_policy)


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp") as name:
        yield Path(name)


@contextmanager
def place(models: Path, **settings: str) -> Iterator[Place]:
    with short_directory() as directory:
        given = {f"ECHOCAST_{name.upper()}": value for name, value in settings.items()}
        own = {"ECHOCAST_DATA_DIR": str(directory), "ECHOCAST_MODELS_DIR": str(models)}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ECHOCAST_")}
        yield Place(directory, {**inherited, **QUICK, **own, **given})


def start(
    module: str, where: Place, *arguments: str, under: Sequence[str] = (), **settings: str
) -> subprocess.Popen[bytes]:
    """A process of the service, run by the command ``under`` where there is one."""
    given = {f"ECHOCAST_{name.upper()}": value for name, value in settings.items()}
    with (where.data / f"{module}.log").open("ab") as log:
        return subprocess.Popen(
            [*under, *command(module, *arguments)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**where.environment, **given},
        )


@contextmanager
def engine(where: Place) -> Iterator[None]:
    """A real Valkey that this process supervises: it is there ten times sooner."""
    with EmbeddedEngine(where.settings.engine_directory):
        yield


@contextmanager
def engine_process(where: Place) -> Iterator[subprocess.Popen[bytes]]:
    """A Valkey that a process of the service supervises."""
    process = start("echocast.service.processes.engine", where)
    try:
        eventually(lambda: _pings(where))
        yield process
    finally:
        stop_process(process)


def _pings(where: Place) -> bool:
    store = where.store()
    try:
        store.ping()
    finally:
        store.close()
    return True


@contextmanager
def gateway(
    where: Place, module: str = GATEWAY, *, under: Sequence[str] = (), **settings: str
) -> Iterator[Gateway]:
    port = int(settings.pop("port", "0")) or free_port()
    process = start(module, where, under=under, port=str(port), **settings)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(f"{url}/healthz", process, PATIENCE_SECONDS)
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield Gateway(process, client)
    finally:
        stop_process(process)


@dataclass(frozen=True)
class Gateway:
    process: subprocess.Popen[bytes]
    client: httpx.Client

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def forget_peak(self) -> None:
        """Let the highest resident memory begin again at what is resident now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """Highest resident memory since :meth:`forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]


@contextmanager
def worker(
    where: Place, module: str = "echocast.workers", **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = start(module, where, **settings)
    try:
        yield process
    finally:
        stop_process(process)


def pretend_worker(where: Place, seconds: float = 3600) -> None:
    """The heartbeat of a worker that does nothing."""
    policy = replace(where.settings.job_policy, lease_seconds=seconds)
    claims = JobStore(where.settings.engine_url, policy, patience_seconds=3.0)
    here = WorkerInfo("pretended", "here", os.getpid(), "cpu", ("tiny/1",), datetime.now(UTC))
    claims.beat(here)
    claims.close()


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except Exception:
            if time.monotonic() > give_up:
                raise
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.05)
