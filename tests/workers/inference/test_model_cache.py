"""Which networks a worker has loaded, which one serves, and what becomes of those refused."""

from __future__ import annotations

import threading

import pytest

from echocast.model.errors import CheckpointError
from echocast.model.forecast import ModelIdentity
from echocast.workers.inference.model_cache import MOST_LOADED, RETRY_SECONDS, LoadedNetworks
from tests.workers.fake_nowcaster import FakeNowcaster


class Shelf:
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

    def networks(self, *first: str) -> LoadedNetworks:
        return LoadedNetworks(self.load, first, self.swaps.append, 100, lambda: self.now)


def identity(reference: str) -> ModelIdentity:
    name, _, version = reference.partition("/")
    return ModelIdentity(name, version, "")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_few_networks_stay_loaded_and_the_champion_among_them(shelf: Shelf) -> None:
    networks = shelf.networks("fake/1")
    first = networks.get(identity("fake/1"))
    for shelf.now, version in enumerate("234562"):
        networks.get(identity(f"fake/{version}"))
    assert networks.get(identity("fake/1")) is first
    assert len(networks.names) == MOST_LOADED
    assert shelf.loads == [f"fake/{version}" for version in "1234562"]


def test_another_champion_serves_once_it_is_loaded_and_the_old_one_goes_in_time(
    shelf: Shelf,
) -> None:
    networks = shelf.networks("fake/1")
    networks.follow("fake/2")
    assert (networks.champion, shelf.swaps) == ("fake/2", ["swapped"])
    networks.tidy()
    assert set(networks.names) == {"fake/1", "fake/2"}  # jobs that name it may still wait
    shelf.now = 101
    networks.tidy()
    assert networks.names == ("fake/2",)
    networks.follow("fake/2")
    assert shelf.swaps == ["swapped"]


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
    shelf: Shelf, error: Exception
) -> None:
    networks = shelf.networks("fake/1")
    shelf.spoilt["fake/2"] = error
    networks.follow("fake/2")
    assert (networks.champion, shelf.swaps) == ("fake/1", ["refused"])
    served = networks.get(identity("fake/2"), or_champion=True)
    assert served.identity == identity("fake/1")
    with pytest.raises(CheckpointError, match="fake/2 is refused"):
        networks.get(identity("fake/2"))
    assert shelf.loads == ["fake/1", "fake/2"]  # it is not tried again at once


def test_a_refused_champion_is_tried_again_after_a_while(shelf: Shelf) -> None:
    networks = shelf.networks("fake/1")
    shelf.spoilt["fake/2"] = OSError("the disk is away")
    networks.follow("fake/2")
    shelf.spoilt.clear()
    networks.follow("fake/2")
    assert networks.champion == "fake/1"
    shelf.now = RETRY_SECONDS
    networks.follow("fake/2")
    assert (networks.champion, shelf.swaps) == ("fake/2", ["refused", "swapped"])


def test_a_worker_begins_with_the_previous_model_where_the_champion_is_refused(
    shelf: Shelf,
) -> None:
    shelf.spoilt["fake/2"] = CheckpointError("It has checkpoint format 2.")
    assert shelf.networks("fake/2", "fake/1").champion == "fake/1"
    with pytest.raises(CheckpointError, match=r"No model can serve.*format 2"):
        shelf.networks("fake/2")


def test_nobody_waits_for_a_network_that_others_want_loaded(shelf: Shelf) -> None:
    loading, loaded = threading.Event(), threading.Event()

    def slow(reference: str) -> FakeNowcaster:
        if reference == "fake/2":
            loading.set()
            assert loaded.wait(20)
        return FakeNowcaster(identity(reference))

    networks = LoadedNetworks(slow, ["fake/1"])
    swap = threading.Thread(target=networks.follow, args=["fake/2"])
    swap.start()
    assert loading.wait(20)
    assert networks.get(identity("fake/1")).identity.version == "1"
    assert networks.champion == "fake/1"
    loaded.set()
    swap.join(20)
    assert networks.champion == "fake/2"
