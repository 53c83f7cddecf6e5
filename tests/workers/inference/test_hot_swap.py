"""Another model takes over in a running worker: no job is lost, and what is bad never serves."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

from echocast.model import acceptance
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.registry.history import PROMOTE, History
from echocast.model.registry.registry import Registry
from echocast.model.registry.storage import Folder
from echocast.workers.jobs.job import Job
from tests.leaks import belonging_to
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.workers.conftest import REAL, World, kill, name_models, until, worlds
from tests.workers.storms import storm

ME = {"who": "the test", "why": "To see it."}
TINY = replace(RADAR_SMALL, hidden_channels=4, layers=2, kernel=1)
VERSIONS = tuple("123456")  # more than a worker keeps loaded, so that every swap loads
SWAPS = 20
WARM = 6  # swaps until every part of the memory has been used once
GROWTH_BYTES = 64 * 1024 * 1024  # of fourteen swaps; a network with its fast form takes about 1 MB


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tiny networks that differ."""
    root = tmp_path_factory.mktemp("made")
    for version in VERSIONS:
        torch.manual_seed(int(version))
        network = Network(TINY)
        torch.nn.init.normal_(network.head.weight, std=0.05)
        checkpoint.save(network.eval(), root / "tiny" / version, {})
        acceptance.describe(root / "tiny" / version)
    return root


@dataclass
class Stage:
    """A world with a real worker and a registry of its own."""

    world: World
    registry: Registry
    seeds: Iterator[int] = field(default_factory=itertools.count)

    @property
    def worker(self) -> subprocess.Popen[bytes]:
        return self.world.workers[-1]

    def start_worker(self) -> None:
        with self._log.open("ab") as log:
            self.world.start_worker(REAL, log)

    @property
    def _log(self) -> Path:
        return self.world.settings.data_dir / "worker.log"

    def log(self) -> str:
        return self._log.read_text()

    def promote(self, version: str) -> None:
        self.registry.promote(f"tiny/{version}", **ME)

    def publish(self, version: str, spoil: Callable[[Path], None]) -> None:
        staged = self.registry.stage("tiny")
        shutil.copytree(self.registry.root / "tiny" / "1", staged, dirs_exist_ok=True)
        spoil(staged)
        self.registry.publish(staged, "tiny", version)

    def answer(self) -> Job:
        """The end of a job that is ordered as the gateway does: for the champion of the moment."""
        name, _, version = self.registry.reader.reference().partition("/")
        frames = storm(next(self.seeds), size=32)
        job = self.world.submit(frames, model_name=name, model_version=version).job
        return self.world.end_of(job.id)

    def promote_unchecked(self, version: str) -> None:
        """As where a disk fails after the promotion, or a host runs an older Echocast."""
        folder = Folder(self.registry.root)
        aliases = {"champion": f"tiny/{version}", "previous": "tiny/1"}
        with folder.writing():
            History(folder).append(PROMOTE, **ME, aliases=aliases)

    def metric(self, metric: str, **labels: str) -> float:
        url = f"http://127.0.0.1:{self.world.settings.worker_metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = itertools.chain.from_iterable(family.samples for family in families)
        return sum(s.value for s in samples if s.name == metric and s.labels == labels)

    def swaps(self, outcome: str) -> float:
        return self.metric("echocast_worker_model_swaps_total", outcome=outcome)

    def serves(self, version: str) -> bool:
        labels = {"role": "champion", "name": "tiny", "version": version}
        return self.metric("echocast_worker_model_info", **labels) == 1

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.worker.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(checkpoints: Path, root: Path) -> Iterator[Stage]:
    """A worker that serves the first of the networks."""
    shutil.copytree(checkpoints, root)
    (root / "aliases.json").write_text('{"champion": "tiny/1"}')
    with worlds() as make:
        port = free_port()
        world = make(models_dir=root, threads=1, lease_seconds=10, worker_metrics_port=port)
        stage = Stage(world, Registry(root))
        stage.start_worker()
        yield stage


@pytest.fixture
def fresh(checkpoints: Path, tmp_path: Path) -> Iterator[Stage]:
    with serving(checkpoints, tmp_path / "models") as stage:
        yield stage


@pytest.fixture(scope="module")
def stage(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker for all that is refused; the first network serves before and after."""
    with serving(checkpoints, tmp_path_factory.mktemp("refused") / "models") as stage:
        yield stage


class Load:
    """Asks for nowcasts without a break, a few at a time."""

    def __init__(self, stage: Stage) -> None:
        self.ended: list[Job] = []
        self._stage = stage
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.ended.append(self._stage.answer())

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_twenty_swaps_under_load_lose_no_job_and_no_memory(fresh: Stage) -> None:
    turns = itertools.islice(itertools.cycle((*VERSIONS[1:], VERSIONS[0])), SWAPS)
    resident = []
    with Load(fresh) as load:
        for version in turns:
            fresh.promote(version)
            until(lambda version=version: fresh.serves(version))
            resident.append(fresh.resident_bytes())
        answered = len(load.ended)
        until(lambda: len(load.ended) > answered)
    assert {job.status for job in load.ended} == {"succeeded"}
    assert {job.attempts for job in load.ended} == {1}
    assert {job.model.version for job in load.ended} >= set(VERSIONS[1:])
    assert not [job for job in load.ended if "model" in job.quality]
    assert (fresh.swaps("swapped"), fresh.swaps("refused")) == (SWAPS, 0)
    assert max(resident[WARM:]) - max(resident[:WARM]) < GROWTH_BYTES
    assert len(fresh.world.jobs.alive_workers()[0].models) <= 4


def other_architecture(staged: Path) -> None:
    config = replace(TINY, hidden_channels=8)
    checkpoint.amend(staged, {"network": config.to_json()})


def nonsense(staged: Path) -> None:
    torch.manual_seed(1)
    network = Network(TINY)
    torch.nn.init.normal_(network.head.weight, std=30)
    checkpoint.save(network, staged, {})


def other_answers(staged: Path) -> None:
    """As from a device or a build that computes wrongly."""
    description = checkpoint.read_manifest(staged)["golden"]
    description["mean_dbz"] = [mean + 5 for mean in description["mean_dbz"]]
    checkpoint.amend(staged, {"golden": description})


@pytest.mark.parametrize(
    ("version", "spoil"), [("7", other_architecture), ("8", nonsense), ("9", other_answers)]
)
def test_what_the_workers_refuse_never_serves(
    stage: Stage, version: str, spoil: Callable[[Path], None]
) -> None:
    refused = stage.swaps("refused")
    stage.publish(version, spoil)
    stage.promote(version)
    until(lambda: stage.swaps("refused") > refused)
    job = stage.answer()
    assert (job.status, job.model.version) == ("succeeded", "1")
    assert job.quality["model"] == f"tiny/{version} was refused here; tiny/1 answered."
    assert stage.serves("1")
    stage.registry.rollback(**ME)
    assert "model" not in stage.answer().quality
    assert f"The model tiny/{version} is refused" in stage.log()


def flipped_bit(directory: Path) -> None:
    weights = directory / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)


def newer_format(directory: Path) -> None:
    checkpoint.amend(directory, {"format": 2})


def unknown_family(directory: Path) -> None:
    network = checkpoint.read_manifest(directory)["network"]
    checkpoint.amend(directory, {"network": {**network, "family": "of tomorrow"}})


@pytest.mark.parametrize(
    ("version", "spoil", "reason"),
    [
        ("2", flipped_bit, "one of them was changed"),
        ("3", newer_format, "reads format 1"),
        ("4", unknown_family, "no network family"),
    ],
)
def test_what_a_registry_would_not_promote_is_refused_by_workers_too(
    stage: Stage, version: str, spoil: Callable[[Path], None], reason: str
) -> None:
    refused = stage.swaps("refused")
    spoil(stage.registry.root / "tiny" / version)
    stage.promote_unchecked(version)
    until(lambda: stage.swaps("refused") > refused)
    assert stage.serves("1")
    assert stage.answer().model.version == "1"
    stage.registry.rollback(**ME)
    messages = (line for line in stage.log().splitlines() if f"tiny/{version} is refused" in line)
    assert reason in next(messages)


def test_a_worker_begins_with_the_model_before_one_that_it_refuses(stage: Stage) -> None:
    newer_format(stage.registry.root / "tiny" / "5")
    kill(stage.worker)
    stage.promote_unchecked("5")
    with belonging_to("module"):
        stage.start_worker()
    assert stage.serves("1")
    assert stage.answer().status == "succeeded"


def test_a_worker_that_is_killed_in_the_middle_of_a_swap_loses_nothing(world: World) -> None:
    models = world.settings.models_root
    worker = world.start_worker()
    name_models(models, "fake/slow", "fake/1")
    until((models / "loading").exists)
    versions = ("1", "slow", "1", "slow")
    jobs = [world.submit(storm(n), model_version=v).job for n, v in enumerate(versions)]
    kill(worker)
    world.start_worker()
    ended = [world.end_of(job.id) for job in jobs]
    assert [job.status for job in ended] == ["succeeded"] * 4
    assert [job.model.version for job in ended] == list(versions)
