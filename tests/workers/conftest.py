"""A world of its own for every test: an embedded engine, an archive, real worker processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from echocast.model.frames import Frames
from echocast.workers.archive.archive import Archive
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.engine.url import embedded_url
from echocast.workers.jobs.job import Job, Submission
from echocast.workers.jobs.store import JobStore
from echocast.workers.settings import WorkerSettings
from tests.patience import PATIENCE_SECONDS
from tests.workers.storms import request
from tests.workers.streams.stream_bench import Bench

FAKE, REAL = "tests.workers.worker_with_fake", "echocast.workers"
QUICK = {
    "lease_seconds": 1.0,
    "lease_renewal_seconds": 0.2,
    "janitor_seconds": 0.2,
    "unclaimed_seconds": 0.6,
    "models_watch_seconds": 0.2,
    "worker_concurrency": 4,
    "free_space_floor_bytes": 0,
}


def until(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true value of a condition."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"Nothing happened within {seconds} s.")


def name_models(root: Path, champion: str, *others: str, **roles: str) -> Path:
    """A registry whose models are known by name only: the fake worker needs no weights."""
    for reference in (champion, *others):
        (root / reference).mkdir(parents=True, exist_ok=True)
        (root / reference / "manifest.json").write_text("{}")
    (root / "aliases.json").write_text(json.dumps({"champion": champion, **roles}))
    return root


class World:
    def __init__(self, directory: Path, **settings: Any) -> None:
        self.settings = WorkerSettings(data_dir=directory, **{**QUICK, **settings})
        if self.settings.models_dir is None:
            name_models(self.settings.models_root, "fake/1")
        self.engine = EmbeddedEngine(self.settings.engine_directory)
        self.archive = Archive(self.settings.archive_root, free_space_floor_bytes=0)
        self.jobs = JobStore(self.settings.engine_url, self.settings.job_policy)
        self.claims = JobStore(
            self.settings.engine_url, self.settings.job_policy, patience_seconds=5
        )
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(
        self, module: str = FAKE, stderr: IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """A real worker process that takes jobs already, with a fake network or a real one."""
        before = {worker.pid for worker in self.jobs.alive_workers()}
        names = self.settings.model_dump(mode="json", exclude_none=True)
        env = {f"ECHOCAST_{name.upper()}": str(value) for name, value in names.items()}
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", module],
            env={**os.environ, **env},
            stderr=stderr,
        )
        self.workers.append(worker)
        until(lambda: {alive.pid for alive in self.jobs.alive_workers()} - before)
        return worker

    def submit(self, frames: Frames, **fields: Any) -> Submission:
        return self.jobs.submit(request(self.archive, frames, **fields))

    def end_of(self, job_id: str, seconds: float = PATIENCE_SECONDS) -> Job:
        """The job in its terminal state."""

        def ended() -> Job | None:
            job = self.jobs.get(job_id)
            return job if job and job.terminal else None

        return until(ended, seconds)

    def running(self, job_id: str) -> Job:
        return until(lambda: (job := self.jobs.get(job_id)) and job.status == "running" and job)

    def all_running(self, jobs: Iterable[Job]) -> None:
        """Return when a worker has each of them."""
        for job in jobs:
            self.running(job.id)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.jobs.close()
        self.claims.close()
        self.engine.stop()


@contextmanager
def worlds() -> Iterator[Callable[..., World]]:
    """Worlds with settings of one's own; the engine runs."""
    root = Path(tempfile.mkdtemp(prefix="echocast-"))
    made: list[World] = []

    def make(**settings: Any) -> World:
        world = World(root / str(len(made)), **settings)
        made.append(world)
        world.engine.start()
        return world

    try:
        yield make
    finally:
        for world in made:
            world.close()
        shutil.rmtree(root)


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    with worlds() as make:
        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The network goes on with a job of the mood ``until:<gate>`` when the gate is there."""
    return tmp_path / "gate"


@contextmanager
def running_engine() -> Iterator[EngineClient]:
    """An engine in a folder of its own, with a client."""
    root = Path(tempfile.mkdtemp(prefix="ec-"))
    with EmbeddedEngine(root):
        client = EngineClient(embedded_url(root), 5)
        yield client
        client.close()
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineClient]:
    """An engine for all tests of a module."""
    with running_engine() as client:
        yield client


@pytest.fixture
def bench(engine: EngineClient, tmp_path: Path) -> Bench:
    """A stream on the bench; the engine is empty."""
    engine.redis.flushall()
    return Bench(tmp_path, engine)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9, and bury it."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
