"""A batcher on the bench: its network can be kept busy, fails on demand and notes its launches."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from echocast.workers.inference.batch import BatchItem, BatchLimits, BatchResult
from echocast.workers.inference.batcher import Batcher
from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True, eq=False)
class Parcel:
    name: str
    batch_key: str = "small"
    cost: int = 1


@dataclass(eq=False)
class FakeModel:
    """Answers with names; fails on ``bad``, and on more than ``memory`` items.

    It makes a step before the gate, and one behind it.
    """

    memory: int = 100
    launches: list[list[str]] = field(default_factory=list)
    ended: list[list[str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    busy: threading.Event = field(default_factory=threading.Event)

    def predict(self, batch: Sequence[Parcel], progress: Callable[[], None]) -> list[str]:
        progress()
        names = [parcel.name for parcel in batch]
        self.launches.append(names)
        self.busy.set()
        self.gate.wait(PATIENCE_SECONDS)
        progress()
        self.ended.append(names)
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

    def __init__(self, network: FakeModel, **limits: float) -> None:
        self.network, self.listener = network, Listener()
        self.steps: list[int] = []
        limits = {"items": 8, "cost": 100, "linger_seconds": 0.005, **limits}
        self.batcher = Batcher(BatchLimits(**limits), self.guard, self.listener)
        self.pool = ThreadPoolExecutor(16)
        self.batcher.start()

    @contextmanager
    def guard(self) -> Iterator[Callable[[], None]]:
        self.steps.append(0)

        def moved() -> None:
            self.steps[-1] += 1

        yield moved

    def send(self, *parcels: Parcel, **fields: object) -> list:
        answers = []
        for parcel in parcels:
            waiting = len(self.batcher._waiting)
            item = self.item(parcel, **fields)
            answers.append(self.pool.submit(self.batcher.run, lambda item=item: item))
            while len(self.batcher._waiting) == waiting and not self.network.gate.is_set():
                time.sleep(0.001)
        return answers

    def occupy(self, cost: int = 1, **fields: object) -> Future[BatchResult]:
        first = Parcel("first", cost=cost)
        answer = self.pool.submit(self.batcher.run, lambda: self.item(first, **fields))
        self.network.busy.wait()
        return answer

    def item(self, parcel: Parcel, **fields: object) -> BatchItem:
        usual = {
            "alone": False,
            "deadline": time.monotonic() + 10 * PATIENCE_SECONDS,
            "is_lost": lambda: False,
        }
        return BatchItem(self.network, parcel, **{**usual, **fields})

    def close(self) -> None:
        self.network.gate.set()
        self.batcher.stop()
        self.pool.shutdown()
