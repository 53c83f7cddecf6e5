"""The request for a retraining, and the lock of the trainer that works on it, in the engine.

Keys: ``echocast:retraining`` a hash: ``wanted``, the request as JSON, which stays until a trainer
came to a verdict; ``attempts`` at it; ``since``, when it was first asked whether one is due.
``echocast:retraining:lock``, number and name of the trainer at work, for as long as it renews it;
``echocast:retraining:number``, the last number. Numbers grow: a trainer that lost the lock has a
lower number than the next one, and the registry refuses it (fencing_token.py).
``echocast:retraining:schedule``, the seconds between two retrainings, for as long as a beat says
so now and then.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.jobs.queue import TRAINING, Publisher

STATE_KEY: Final = "echocast:retraining"
LOCK_KEY: Final = "echocast:retraining:lock"
SCHEDULE_KEY: Final = "echocast:retraining:schedule"
REMEMBERED_INTERVALS: Final = 4  # a beat that is missing is noticed after two


@dataclass(frozen=True)
class RetrainingRequest:
    """A retraining that was asked for.

    Args:
        id: Part of the name of its work folder.
        why: In a sentence, for the history.
        time: When it was asked for, UTC, ISO 8601.
    """

    id: str
    why: str
    time: str

    @classmethod
    def new(cls, why: str) -> Self:
        """A request of now."""
        now = datetime.now(UTC)
        return cls(f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}", why, now.isoformat())

    def to_text(self) -> str:
        """JSON, the same for the same request."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Lock:
    """The right to retrain, for as long as it is renewed.

    Args:
        number: Higher than that of every lock before.
        name: Of the trainer.
    """

    number: int
    name: str

    @property
    def text(self) -> str:
        """As the engine keeps it."""
        return f"{self.number} {self.name}"


class RetrainingRequests:
    """The request and the lock, in the engine; safe to share among threads and processes."""

    def __init__(self, engine: EngineClient) -> None:
        self.engine = engine
        scripts = load_scripts(__package__)
        self._request = engine.script(scripts["request"])
        self._acquire = engine.script(scripts["acquire"])
        self._renew = engine.script(scripts["renew"])
        self._release = engine.script(scripts["release"])

    def add(self, why: str) -> bool:
        """Request a retraining; False where one is requested already."""
        return bool(self._request(RetrainingRequest.new(why).to_text()))

    def pending(self) -> tuple[RetrainingRequest, int] | None:
        """The request, and how often trainers have started it; None without one."""
        state: dict[str, Any] = self.engine.call(lambda: self.engine.redis.hgetall(STATE_KEY))
        if "wanted" not in state:
            return None
        return RetrainingRequest(**json.loads(state["wanted"])), int(state.get("attempts", 0))

    def acquire(self, name: str, given: int, lease_seconds: float) -> Lock | None:
        """The lock, or None where another trainer has it.

        Args:
            name: Of the trainer, another one each time.
            given: The last number that the registry knows: an engine may forget its own.
            lease_seconds: How long it holds without being renewed.
        """
        number = int(self._acquire(name, given, _milliseconds(lease_seconds)))
        return Lock(number, name) if number else None

    def renew(self, lock: Lock, lease_seconds: float) -> bool:
        """Keep the lock; False where it is lost."""
        return bool(self._renew(lock.text, _milliseconds(lease_seconds)))

    def release(
        self, lock: Lock, done: RetrainingRequest | None = None, *, counts: bool = True
    ) -> bool:
        """Give the lock back; False where it was lost.

        Args:
            lock: What is given back.
            done: The request that needs no further attempt.
            counts: Whether the attempt counts; an attempt that was stopped does not.
        """
        text = done.to_text() if done else ""
        return bool(self._release(lock.text, text, "0" if counts else "1"))

    def running(self) -> bool:
        """Whether a trainer is at work."""
        return bool(self.engine.call(lambda: self.engine.redis.exists(LOCK_KEY)))

    def known_since(self) -> datetime:
        """When this was first asked: before the first retraining, the schedule counts from then."""
        now = datetime.now(UTC).isoformat()

        def ask() -> str:
            self.engine.redis.hsetnx(STATE_KEY, "since", now)
            return str(self.engine.redis.hget(STATE_KEY, "since"))

        return datetime.fromisoformat(self.engine.call(ask))


def request_retraining(engine: EngineClient, why: str) -> bool:
    """Request a retraining; False where one is requested or running already.

    Args:
        engine: Where it is asked.
        why: In a sentence, for the history.

    Raises:
        EngineUnavailable: No engine answers.
    """
    if not RetrainingRequests(engine).add(why):
        return False
    publisher = Publisher(engine.url)  # a lost message: trainers also ask by themselves
    try:
        publisher.publish(TRAINING, "retrain")
    finally:
        publisher.close()
    return True


def note_schedule(engine: EngineClient, interval_seconds: float) -> None:
    """Say that a schedule asks for retrainings.

    Raises:
        EngineUnavailable: No engine answers.
    """
    lasts = _milliseconds(REMEMBERED_INTERVALS * interval_seconds)
    engine.call(lambda: engine.redis.set(SCHEDULE_KEY, interval_seconds, px=lasts))


def request_if_due(
    engine: EngineClient, last: datetime | None, interval_seconds: float, now: datetime
) -> bool:
    """Ask for a retraining where the last one is long enough ago; whether it was asked for.

    Args:
        engine: Where it is asked.
        last: When the last one came to a verdict; None before the first.
        interval_seconds: Between two.
        now: UTC.
    """
    since = last or RetrainingRequests(engine).known_since()
    if now - since < timedelta(seconds=interval_seconds):
        return False
    return request_retraining(
        engine, f"Due: the last one was at {since.isoformat(timespec='seconds')}."
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
