"""Batcher: the one thread that runs the network, on as many waiting jobs as fit together.

A launch can't be interrupted, but between two of its steps it lets others go first: small jobs of
accounts that have none in it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from echocast.workers.inference.batch import BatchItem, BatchLimits, BatchResult, cost_of
from echocast.workers.inference.launch import bisect_on_failure

GUESTS_SHARE = 0.5  # of a launch's cost: what goes before the rest of it, all in all


Predict = Callable[[Sequence[BatchItem]], Sequence[tuple[Any]]]


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
        self._launch(batch, self._predict)
        return bool(batch)

    def _take(self) -> list[BatchItem]:
        """The next batch; empty when the batcher stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            self._linger()
            return self._leave(self._next_batch(self._waiting, self._limits.cost))

    def _leave(self, batch: list[BatchItem]) -> list[BatchItem]:
        """The same batch, which waits no more."""
        self._waiting = [item for item in self._waiting if item not in batch]
        self._remember(batch)
        return batch

    def _linger(self) -> None:
        """Wait a moment for jobs that are being prepared; without any, not at all."""
        self._changed.wait_for(
            lambda: not self._preparing or len(self._waiting) >= self._limits.items,
            timeout=self._limits.linger_seconds,
        )

    def _next_batch(self, items: Sequence[BatchItem], most: int) -> list[BatchItem]:
        """The job whose turn it is and those that go with it, up to the limits."""
        waiting = self._in_turn(items)
        batch = waiting[:1]
        for item in waiting[1:]:
            if len(batch) == self._limits.items or cost_of([*batch, item]) > most:
                break
            if item.goes_with(batch[0]):
                batch.append(item)
        return batch

    def _in_turn(self, items: Sequence[BatchItem]) -> list[BatchItem]:
        """Urgent ones first, then one of each account, of those first that waited longest."""
        places: dict[BatchItem, tuple[float, int, int]] = {}
        before: Counter[str] = Counter()
        for item in items:
            launched = self._launched.get(item.account, 0)
            places[item] = (min(item.turn, 0), before[item.account], launched)
            before[item.account] += 1
        return sorted(items, key=places.__getitem__)

    def _remember(self, batch: Sequence[BatchItem]) -> None:
        """Number the launches of the accounts that wait for more."""
        self._launches += 1
        self._launched |= dict.fromkeys((item.account for item in batch), self._launches)
        accounts = {item.account for item in self._waiting}
        self._launched = {name: n for name, n in self._launched.items() if name in accounts}

    def _launch(self, batch: Sequence[BatchItem], predict: Predict) -> None:
        live = [item for item in batch if item.is_live()]
        if not live:
            return
        waits = [time.monotonic() - item.since for item in live]
        started = time.monotonic()
        outcomes = bisect_on_failure(predict, live, self._listener.on_split)
        seconds = time.monotonic() - started
        self._listener.on_launch(len(live), seconds)
        for item, wait, outcome in zip(live, waits, outcomes, strict=True):
            if isinstance(outcome, Exception):
                item.answer.set_exception(outcome)
            else:
                item.answer.set_result(BatchResult(outcome[0], wait, seconds))

    def _predict(self, batch: Sequence[BatchItem]) -> list[tuple[Any]]:
        """Predict, and stand still between two steps while others go first."""
        patience, pause = [GUESTS_SHARE * cost_of(batch)], threading.Lock()
        with self._guard() as progress:

            def step() -> None:
                progress()
                with pause:  # for all threads of this launch
                    guests = self._guests(batch, patience) if self._waiting else []
                    self._launch(guests, partial(_predictions, progress=progress))

            return _predictions(batch, step)

    def _guests(self, batch: Sequence[BatchItem], patience: list[float]) -> list[BatchItem]:
        """Jobs that go before the rest of a launch, whose patience becomes less by their cost."""
        with self._changed:
            guests = [item for item in self._waiting if item.may_interrupt(batch, patience[0])]
            most = min(int(patience[0]), self._limits.cost)
            guests = self._leave(self._next_batch(guests, most))
            patience[0] -= cost_of(guests)
            return guests


def _predictions(batch: Sequence[BatchItem], progress: Callable[[], None]) -> list[tuple[Any]]:
    """Predictions in one-tuples, so that none of them can be mistaken for an exception."""
    predictions = batch[0].model.predict([item.prepared for item in batch], progress)
    return [(prediction,) for _, prediction in zip(batch, predictions, strict=True)]
