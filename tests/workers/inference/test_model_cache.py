"""Which cache a worker has loaded, which one serves, and what becomes of those refused."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import pytest

from echocast.model.errors import CheckpointError
from echocast.model.forecast import ModelIdentity
from echocast.workers.inference.model_cache import MOST_LOADED, RETRY_SECONDS, ModelCache
from tests.patience import PATIENCE_SECONDS
from tests.workers.fake_nowcaster import FakeNowcaster


class Loader:
    """Loads whatever is not spoilt, and counts."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.spoilt: dict[str, Exception] = {}
        self.swaps: list[str] = []
        self.now = 0.0

    def load(self, reference: str) -> FakeNowcaster:
        self.loads.append(reference)
        if reference in self.spoilt:
            raise self.spoilt[reference]
        return FakeNowcaster(identity(reference))

    def cache(self, *first: str) -> ModelCache:
        return ModelCache(self.load, first, self.swaps.append, 100, lambda: self.now)


def identity(reference: str) -> ModelIdentity:
    name, _, version = reference.partition("/")
    return ModelIdentity(name, version, "")


@pytest.fixture
def loader() -> Loader:
    return Loader()


def test_few_networks_stay_loaded_and_the_champion_among_them(loader: Loader) -> None:
    cache = loader.cache("fake/1")
    first = cache.get(identity("fake/1"))
    for loader.now, version in enumerate("234562"):
        cache.get(identity(f"fake/{version}"))
    assert cache.get(identity("fake/1")) is first
    assert len(cache.names) == MOST_LOADED
    assert loader.loads == [f"fake/{version}" for version in "1234562"]


def test_another_champion_serves_once_it_is_loaded_and_the_old_one_goes_in_time(
    loader: Loader,
) -> None:
    cache = loader.cache("fake/1")
    cache.set_champion("fake/2")
    assert (cache.champion, loader.swaps) == ("fake/2", ["swapped"])
    cache.evict_unused()
    assert set(cache.names) == {"fake/1", "fake/2"}  # jobs that name it may still wait
    loader.now = 101
    cache.evict_unused()
    assert cache.names == ("fake/2",)
    cache.set_champion("fake/2")
    assert loader.swaps == ["swapped"]


@pytest.mark.parametrize(
    "error",
    [
        CheckpointError("damaged"),
        RuntimeError("CUDA out of memory"),
        OSError("gone"),
        KeyError("x"),
    ],
)
def test_a_champion_that_is_refused_leaves_the_old_one_serving(
    loader: Loader, error: Exception
) -> None:
    cache = loader.cache("fake/1")
    loader.spoilt["fake/2"] = error
    cache.set_champion("fake/2")
    assert (cache.champion, loader.swaps) == ("fake/1", ["refused"])
    served = cache.get(identity("fake/2"), or_champion=True)
    assert served.identity == identity("fake/1")
    with pytest.raises(CheckpointError, match="fake/2 is refused"):
        cache.get(identity("fake/2"))
    assert loader.loads == ["fake/1", "fake/2"]  # it is not tried again at once


def test_a_refusal_lets_go_of_the_jobs_that_asked(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # pytest holds what was logged
    cache = loader.cache("fake/1")
    loader.spoilt["fake/2"] = CheckpointError("damaged")
    jobs = []
    for loader.now in (0.0, 1.0, RETRY_SECONDS, RETRY_SECONDS + 1):
        jobs.append(_refused_job(cache))
        loader.spoilt["fake/2"] = CheckpointError("still damaged")
    gc.collect()
    assert [job() for job in jobs] == [None] * len(jobs)


class Job:
    """What a caller has in its hands while it asks for a model."""


def _refused_job(cache: ModelCache) -> weakref.ref[Job]:
    job = Job()
    assert cache.get(identity("fake/2"), or_champion=True).identity == identity("fake/1")
    return weakref.ref(job)


def test_a_refused_champion_is_tried_again_after_a_while(loader: Loader) -> None:
    cache = loader.cache("fake/1")
    loader.spoilt["fake/2"] = OSError("the disk is away")
    cache.set_champion("fake/2")
    loader.spoilt.clear()
    cache.set_champion("fake/2")
    assert cache.champion == "fake/1"
    loader.now = RETRY_SECONDS
    cache.set_champion("fake/2")
    assert (cache.champion, loader.swaps) == ("fake/2", ["refused", "swapped"])


def test_a_worker_begins_with_the_previous_model_where_the_champion_is_refused(
    loader: Loader,
) -> None:
    loader.spoilt["fake/2"] = CheckpointError("It has checkpoint format 2.")
    assert loader.cache("fake/2", "fake/1").champion == "fake/1"
    with pytest.raises(CheckpointError, match=r"No model can serve.*format 2"):
        loader.cache("fake/2")


def test_nobody_waits_for_a_network_that_others_want_loaded(loader: Loader) -> None:
    loading, loaded = threading.Event(), threading.Event()

    def slow(reference: str) -> FakeNowcaster:
        if reference == "fake/2":
            loading.set()
            assert loaded.wait(PATIENCE_SECONDS)
        return FakeNowcaster(identity(reference))

    cache = ModelCache(slow, ["fake/1"])
    swap = threading.Thread(target=cache.set_champion, args=["fake/2"])
    swap.start()
    assert loading.wait(PATIENCE_SECONDS)
    assert cache.get(identity("fake/1")).identity.version == "1"
    assert cache.champion == "fake/1"
    loaded.set()
    swap.join(PATIENCE_SECONDS)
    assert cache.champion == "fake/2"
