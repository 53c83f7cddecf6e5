"""What waits for a launch of the network: one job's part of it, its limits, its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from echocast.workers.errors import ClaimLost, DeadlinePassed
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
        turn: Negative for a job that comes before those of all accounts, the lowest first.
    """

    model: ServedModel
    prepared: PreparedInput
    alone: bool
    deadline: float
    is_lost: Callable[[], bool]
    account: str = ""
    turn: float = 0.0
    since: float = field(default_factory=time.monotonic)
    answer: Future[BatchResult] = field(default_factory=Future)

    @property
    def urgent(self) -> bool:
        """True where it comes before the jobs of all accounts."""
        return self.turn < 0

    def is_live(self) -> bool:
        """False where nobody needs it any more; then it is answered so."""
        if self.is_lost():
            self.answer.set_exception(ClaimLost("The job was cancelled or given away."))
            return False
        if time.monotonic() > self.deadline:
            message = "The job waited longer than its deadline allows."
            self.answer.set_exception(DeadlinePassed(message))
            return False
        return True

    def goes_with(self, other: BatchItem) -> bool:
        """True where both may share a launch."""
        return (
            self.model is other.model
            and self.prepared.batch_key == other.prepared.batch_key
            and not self.alone
            and not other.alone
        )

    def may_interrupt(self, batch: Sequence[BatchItem], patience: float) -> bool:
        """True where it may go before the rest of a launch that bears so much cost."""
        return (
            self.prepared.cost <= patience
            and (self.urgent or not any(item.urgent for item in batch))
            and (self.urgent or self.account not in {item.account for item in batch})
            and not self.alone
            and not batch[0].alone
        )


def cost_of(batch: Sequence[BatchItem]) -> int:
    """Pixels x frames of all jobs."""
    return sum(item.prepared.cost for item in batch)
