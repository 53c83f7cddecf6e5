"""Batcher: the one thread that runs the network, on as many waiting jobs as fit together."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from echocast.workers.errors import ClaimLost, DeadlinePassed
from echocast.workers.inference.launch import bisect_on_failure
from echocast.workers.inference.protocol import PreparedInput, ServedModel


@dataclass(frozen=True)
class BatchLimits:
    """How much goes into one launch.

    Args:
        items: Most jobs.
        cost: Most pixels x frames; a single larger job still runs, alone.
        linger_seconds: Longest wait for jobs that are being prepared.
    """

    items: int
    cost: int
    linger_seconds: float


@dataclass(frozen=True)
class BatchResult:
    """A prediction with the seconds it waited and the seconds of its launch."""

    prediction: Any
    wait_seconds: float
    network_seconds: float


@dataclass(frozen=True, eq=False)
class BatchItem:
    """One job's part of a launch.

    Args:
        model: Forecasts it.
        prepared: The frames, made ready for the network.
        alone: True for a job that may have ended a worker.
        deadline: Monotonic time in seconds after which it is not forecast any more.
        is_lost: Says whether the job was cancelled or given to another worker.
        account: Whose job it is.
        urgent: True for a job that comes before those of all accounts.
    """

    model: ServedModel
    prepared: PreparedInput
    alone: bool
    deadline: float
    is_lost: Callable[[], bool]
    account: str = ""
    urgent: bool = False
    since: float = field(default_factory=time.monotonic)
    answer: Future[BatchResult] = field(default_factory=Future)

    def goes_with(self, other: BatchItem) -> bool:
        """True where both may share a launch."""
        return (
            self.model is other.model
            and self.prepared.batch_key == other.prepared.batch_key
            and not self.alone
            and not other.alone
        )


class BatchListener(Protocol):
    """Is called at every launch."""

    def on_launch(self, items: int, seconds: float) -> None:
        """The network ran."""

    def on_split(self, error: Exception) -> None:
        """A launch failed and is halved."""


class Batcher:
    """Takes prepared jobs from many threads and launches them together.

    Args:
        limits: How much goes into one launch.
        guard: Makes the context of a launch, e.g. a watchdog; its value is called at every step.
        listener: Is called at every launch.
    """

    def __init__(
        self,
        limits: BatchLimits,
        guard: Callable[[], AbstractContextManager[Callable[[], None]]],
        listener: BatchListener,
    ) -> None:
        self._limits = limits
        self._guard = guard
        self._listener = listener
        self._waiting: list[BatchItem] = []
        self._launches = 0
        self._launched: dict[str, int] = {}  # the last launch of each account that waits
        self._preparing = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="batcher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Run what waits and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def run(self, prepare: Callable[[], BatchItem]) -> BatchResult:
        """Prepare in this thread, predict in the batching thread, return the prediction.

        Raises:
            ClaimLost: The job was lost while it waited.
            DeadlinePassed: It waited too long.
            OutOfMemory: It does not fit, even alone.
        """
        with self._changed:
            self._preparing += 1
        item = None
        try:
            item = prepare()
        finally:
            self._arrive(item)
        return item.answer.result()

    def _arrive(self, item: BatchItem | None) -> None:
        with self._changed:
            self._preparing -= 1
            if item:
                self._waiting.append(item)
            self._changed.notify_all()

    def _loop(self) -> None:
        while self._serve():
            pass

    def _serve(self) -> bool:
        """Launch the next batch, whose memory is free before the wait for the next one."""
        batch = self._take()
        if live := [item for item in batch if _is_live(item)]:
            self._launch(live)
        return bool(batch)

    def _take(self) -> list[BatchItem]:
        """The next batch; empty when the batcher stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            self._linger()
            batch = self._next_batch()
            self._waiting = [item for item in self._waiting if item not in batch]
            self._remember(batch)
            return batch

    def _linger(self) -> None:
        """Wait a moment for jobs that are being prepared; without any, not at all."""
        self._changed.wait_for(
            lambda: not self._preparing or len(self._waiting) >= self._limits.items,
            timeout=self._limits.linger_seconds,
        )

    def _next_batch(self) -> list[BatchItem]:
        """The job whose turn it is and those that go with it, up to the limits."""
        waiting = self._in_turn()
        batch = waiting[:1]
        for item in waiting[1:]:
            cost = sum(other.prepared.cost for other in batch) + item.prepared.cost
            if len(batch) == self._limits.items or cost > self._limits.cost:
                break
            if item.goes_with(batch[0]):
                batch.append(item)
        return batch

    def _in_turn(self) -> list[BatchItem]:
        """Urgent ones first, then one of each account, of those first that waited longest."""
        places: dict[BatchItem, tuple[bool, int, int]] = {}
        before: Counter[str] = Counter()
        for item in self._waiting:
            launched = self._launched.get(item.account, 0)
            places[item] = (not item.urgent, before[item.account], launched)
            before[item.account] += 1
        return sorted(self._waiting, key=places.__getitem__)

    def _remember(self, batch: Sequence[BatchItem]) -> None:
        """Number the launches of the accounts that wait for more."""
        self._launches += 1
        self._launched |= dict.fromkeys((item.account for item in batch), self._launches)
        accounts = {item.account for item in self._waiting}
        self._launched = {name: n for name, n in self._launched.items() if name in accounts}

    def _launch(self, batch: Sequence[BatchItem]) -> None:
        waits = [time.monotonic() - item.since for item in batch]
        started = time.monotonic()
        outcomes = bisect_on_failure(self._predict, batch, self._listener.on_split)
        seconds = time.monotonic() - started
        self._listener.on_launch(len(batch), seconds)
        for item, wait, outcome in zip(batch, waits, outcomes, strict=True):
            if isinstance(outcome, Exception):
                item.answer.set_exception(outcome)
            else:
                item.answer.set_result(BatchResult(outcome[0], wait, seconds))

    def _predict(self, batch: Sequence[BatchItem]) -> list[tuple[Any]]:
        """Predictions in one-tuples, so that none of them can be mistaken for an exception."""
        with self._guard() as progress:
            predictions = batch[0].model.predict([item.prepared for item in batch], progress)
        return [(prediction,) for _, prediction in zip(batch, predictions, strict=True)]


def _is_live(item: BatchItem) -> bool:
    if item.is_lost():
        item.answer.set_exception(ClaimLost("The job was cancelled or given away."))
        return False
    if time.monotonic() > item.deadline:
        message = "The job waited longer than its deadline allows."
        item.answer.set_exception(DeadlinePassed(message))
        return False
    return True
