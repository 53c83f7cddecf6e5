"""Batching: what goes together, what is left out, and what one item can do to the others."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batcher import Batcher, BatchItem, BatchLimits
from workers.errors import ClaimLost, DeadlinePassed, OutOfMemory
from workers.launching import divided, is_out_of_memory


@dataclass(frozen=True, eq=False)
class Parcel:
    name: str
    batch_key: str = "small"
    cost: int = 1


@dataclass(eq=False)
class Network:
    """Answers with names; fails on ``bad``, and on more than ``memory`` items."""

    memory: int = 100
    launches: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    busy: threading.Event = field(default_factory=threading.Event)

    def predict(self, batch: Sequence[Parcel]) -> list[str]:
        names = [parcel.name for parcel in batch]
        self.launches.append(names)
        self.busy.set()
        self.gate.wait(10)
        if "bad" in names:
            raise ValueError("This batch is bad.")
        if len(names) > self.memory:
            raise RuntimeError("CUDA out of memory.")
        return [name.upper() for name in names]


@dataclass
class Listener:
    launches: list[int] = field(default_factory=list)
    splits: list[Exception] = field(default_factory=list)

    def on_launch(self, items: int, seconds: float) -> None:
        self.launches.append(items)

    def on_split(self, error: Exception) -> None:
        self.splits.append(error)


class Bench:
    """A batcher whose network is busy with a first job while others queue up."""

    def __init__(self, network: Network, **limits: float) -> None:
        self.network, self.listener = network, Listener()
        limits = {"items": 8, "cost": 100, "linger_seconds": 0.005, **limits}
        self.batcher = Batcher(BatchLimits(**limits), nullcontext, self.listener)
        self.pool = ThreadPoolExecutor(16)
        self.batcher.start()

    def send(self, *parcels: Parcel, **fields: object) -> list:
        answers = []
        for parcel in parcels:
            waiting = len(self.batcher._waiting)
            item = self.item(parcel, **fields)
            answers.append(self.pool.submit(self.batcher.run, lambda item=item: item))
            while len(self.batcher._waiting) == waiting and not self.network.gate.is_set():
                time.sleep(0.001)
        return answers

    def occupy(self) -> None:
        self.pool.submit(self.batcher.run, lambda: self.item(Parcel("first")))
        self.network.busy.wait()

    def item(self, parcel: Parcel, **fields: object) -> BatchItem:
        usual = {"alone": False, "deadline": time.monotonic() + 60, "is_lost": lambda: False}
        return BatchItem(self.network, parcel, **{**usual, **fields})

    def close(self) -> None:
        self.network.gate.set()
        self.batcher.stop()
        self.pool.shutdown()


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(network: Network | None = None, **limits: float) -> Bench:
            made = Bench(network or Network(), **limits)
            stack.callback(made.close)
            return made

        yield make


def parcels(names: str, **fields: object) -> list[Parcel]:
    return [Parcel(name, **fields) for name in names]


def test_a_lone_job_runs_at_once(bench) -> None:
    made = bench(linger_seconds=1.0)
    made.network.gate.set()
    started = time.monotonic()
    result = made.send(Parcel("a"))[0].result(5)
    assert result.prediction == "A"
    assert time.monotonic() - started < 0.5


def test_what_waits_goes_together(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(*parcels("abc"))
    made.network.gate.set()
    assert [answer.result(5).prediction for answer in answers] == ["A", "B", "C"]
    assert made.network.launches == [["first"], ["a", "b", "c"]]
    assert made.listener.launches == [1, 3]
    assert answers[0].result().wait_seconds > 0


def test_it_lingers_only_for_jobs_that_are_being_prepared(bench) -> None:
    made = bench(linger_seconds=0.5)
    made.network.gate.set()
    prepared = threading.Event()

    def slowly() -> BatchItem:
        prepared.wait(5)
        return made.item(Parcel("late"))

    late = made.pool.submit(made.batcher.run, slowly)
    while not made.batcher._preparing:
        time.sleep(0.001)
    early = made.pool.submit(made.batcher.run, lambda: made.item(Parcel("early")))
    time.sleep(0.05)
    prepared.set()
    assert early.result(5).prediction == "EARLY"
    assert late.result(5).prediction == "LATE"
    assert made.network.launches == [["early", "late"]]


def test_a_full_batch_does_not_linger(bench) -> None:
    made = bench(linger_seconds=5, items=1)
    made.network.gate.set()
    hold = threading.Event()
    slow = made.pool.submit(made.batcher.run, lambda: hold.wait(10) and made.item(Parcel("slow")))
    started = time.monotonic()
    made.pool.submit(made.batcher.run, lambda: made.item(Parcel("a"))).result(5)
    assert time.monotonic() - started < 2
    hold.set()
    slow.result(5)


def test_other_shapes_wait_for_their_own_launch(bench) -> None:
    made = bench()
    made.occupy()
    made.send(Parcel("a"), Parcel("B", "large"), Parcel("c"), Parcel("D", "large"))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches == [["first"], ["a", "c"], ["B", "D"]]


def test_other_networks_wait_for_their_own_launch(bench) -> None:
    made = bench()
    other = Network()
    other.gate.set()
    made.occupy()
    mine = made.send(Parcel("a"))
    theirs = made.pool.submit(
        made.batcher.run,
        lambda: BatchItem(other, Parcel("b"), False, time.monotonic() + 60, lambda: False),
    )
    while len(made.batcher._waiting) < 2:
        time.sleep(0.001)
    made.network.gate.set()
    assert (mine[0].result(5).prediction, theirs.result(5).prediction) == ("A", "B")
    assert other.launches == [["b"]]


def test_a_batch_holds_no_more_than_its_limits(bench) -> None:
    made = bench(items=3, cost=10)
    made.occupy()
    made.send(*parcels("abcd", cost=1), *parcels("xyz", cost=6), Parcel("huge", cost=99))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches[1:] == [["a", "b", "c"], ["d", "x"], ["y"], ["z"], ["huge"]]


def test_a_job_that_must_run_alone_does(bench) -> None:
    made = bench()
    made.occupy()
    made.send(Parcel("a"))
    made.send(Parcel("alone"), alone=True)
    made.send(Parcel("b"))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches[1:] == [["a", "b"], ["alone"]]


def test_a_bad_item_fails_alone(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(Parcel("a"), Parcel("b"), Parcel("bad"), Parcel("c"), Parcel("d"))
    made.network.gate.set()
    with pytest.raises(ValueError, match="bad"):
        answers[2].result(5)
    good = [answer.result(5).prediction for answer in answers[:2] + answers[3:]]
    assert good == ["A", "B", "C", "D"]
    assert made.listener.splits


def test_out_of_memory_halves_until_it_fits(bench) -> None:
    made = bench(Network(memory=2))
    made.occupy()
    answers = made.send(*parcels("abcdefgh"))
    made.network.gate.set()
    assert [answer.result(5).prediction for answer in answers] == list("ABCDEFGH")
    assert [len(launch) for launch in made.network.launches[1:]] == [8, 4, 2, 2, 4, 2, 2]
    assert all(is_out_of_memory(error) for error in made.listener.splits)


def test_what_does_not_fit_alone_is_named(bench) -> None:
    made = bench(Network(memory=0))
    made.network.gate.set()
    with pytest.raises(OutOfMemory, match="memory of the device"):
        made.send(Parcel("a"))[0].result(5)


def test_lost_and_late_jobs_are_dropped(bench) -> None:
    made = bench()
    made.occupy()
    lost = made.send(Parcel("lost"), is_lost=lambda: True)[0]
    late = made.send(Parcel("late"), deadline=time.monotonic() - 1)[0]
    wanted = made.send(Parcel("a"))[0]
    made.network.gate.set()
    with pytest.raises(ClaimLost):
        lost.result(5)
    with pytest.raises(DeadlinePassed):
        late.result(5)
    assert wanted.result(5).prediction == "A"
    assert made.network.launches == [["first"], ["a"]]


def test_a_preparation_that_fails_leaves_nobody_waiting(bench) -> None:
    made = bench(linger_seconds=1.0)
    made.network.gate.set()

    def fail() -> BatchItem:
        raise ValueError("no frames")

    with pytest.raises(ValueError, match="no frames"):
        made.batcher.run(fail)
    started = time.monotonic()
    assert made.send(Parcel("a"))[0].result(5).prediction == "A"
    assert time.monotonic() - started < 0.5


def test_a_network_that_returns_too_few_predictions_fails_the_job(bench) -> None:
    made = bench()
    made.network.predict = lambda batch: []
    made.network.gate.set()
    with pytest.raises(ValueError, match="zip"):
        made.send(Parcel("a"))[0].result(5)


def test_stopping_runs_what_waits(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(*parcels("ab"))
    made.network.gate.set()
    made.batcher.stop()
    assert [answer.result(5).prediction for answer in answers] == ["A", "B"]


@given(st.lists(st.sampled_from(["good", "bad"]), min_size=1, max_size=40), st.integers(1, 40))
def test_dividing_fails_exactly_the_bad_items(kinds: list[str], memory: int) -> None:
    items = list(enumerate(kinds))

    def launch(batch: Sequence[tuple[int, str]]) -> list[int]:
        if len(batch) > memory:
            raise MemoryError
        if any(kind == "bad" for _, kind in batch):
            raise ValueError("bad")
        return [number for number, _ in batch]

    results = divided(launch, items, lambda error: None)
    for (number, kind), result in zip(items, results, strict=True):
        assert isinstance(result, ValueError) if kind == "bad" else result == number


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
    ],
)
def test_the_ways_to_say_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("bad"))
