"""What is asked of trainers, and which one may do it: a wish and a lock, as the engine keeps them.

Keys: ``echocast:retraining`` a hash: ``wanted``, the wish as JSON, which stays until a trainer
came to a verdict; ``attempts`` at it; ``since``, when it was first asked whether one is due.
``echocast:retraining:lock``, number and name of the trainer at work, for as long as it renews it;
``echocast:retraining:number``, the last number. Numbers grow: whoever lost the lock holds a lower
one than his successor, and the registry refuses it (fencing_token.py).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import TRAINING, Publisher

STATE_KEY: Final = "echocast:retraining"
LOCK_KEY: Final = "echocast:retraining:lock"

KEYS: Final = """
local STATE, LOCK = 'echocast:retraining', 'echocast:retraining:lock'
local NUMBER = 'echocast:retraining:number'
"""

WISH: Final = """
-- a wish; 1 where it is the one that holds now
if redis.call('HSETNX', STATE, 'wanted', ARGV[1]) == 1 then
  redis.call('HSET', STATE, 'attempts', 0)
  return 1
end
return redis.call('HGET', STATE, 'wanted') == ARGV[1] and 1 or 0
"""

ACQUIRE: Final = """
-- name, a number that was given already, milliseconds; the number of the lock, 0 where it is taken
local held = redis.call('GET', LOCK)
if held then
  local number, name = string.match(held, '^(%d+) (.*)$')
  return name == ARGV[1] and tonumber(number) or 0
end
local last = math.max(tonumber(redis.call('GET', NUMBER) or 0), tonumber(ARGV[2]))
local number = string.format('%d', last + 1)
redis.call('SET', NUMBER, number)
redis.call('SET', LOCK, number .. ' ' .. ARGV[1], 'PX', ARGV[3])
redis.call('HINCRBY', STATE, 'attempts', 1)
return last + 1
"""

RENEW: Final = """
-- lock, milliseconds; 0 where it is lost
if redis.call('GET', LOCK) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', LOCK, ARGV[2])
return 1
"""

RELEASE: Final = """
-- lock, the wish that came true or '', whether the attempt does not count
if redis.call('GET', LOCK) ~= ARGV[1] then return 0 end
redis.call('DEL', LOCK)
if ARGV[3] == '1' then redis.call('HINCRBY', STATE, 'attempts', -1) end
if redis.call('HGET', STATE, 'wanted') == ARGV[2] then
  redis.call('HDEL', STATE, 'wanted', 'attempts')
end
return 1
"""


@dataclass(frozen=True)
class Wish:
    """A retraining that somebody wants.

    Args:
        id: Stands in the name of its work folder.
        why: In a sentence, for the history.
        time: When it was wished for, UTC, ISO 8601.
    """

    id: str
    why: str
    time: str

    @classmethod
    def new(cls, why: str) -> Self:
        """A wish of now."""
        now = datetime.now(UTC)
        return cls(f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}", why, now.isoformat())

    def to_text(self) -> str:
        """JSON, the same for the same wish."""
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


class Wishes:
    """Wishes and the lock, in the engine; safe to share among threads and processes.

    Args:
        engine: Where they are kept.
    """

    def __init__(self, engine: EngineClient) -> None:
        self.engine = engine
        self._wish = engine.script(KEYS + WISH)
        self._acquire = engine.script(KEYS + ACQUIRE)
        self._renew = engine.script(KEYS + RENEW)
        self._release = engine.script(KEYS + RELEASE)

    def add(self, why: str) -> bool:
        """Wish for a retraining; False where one is wished for already."""
        return bool(self._wish(Wish.new(why).to_text()))

    def wanted(self) -> tuple[Wish, int] | None:
        """What is wished for, and how often trainers have begun it; None where nothing is."""
        state: dict[str, Any] = self.engine.call(lambda: self.engine.redis.hgetall(STATE_KEY))
        if "wanted" not in state:
            return None
        return Wish(**json.loads(state["wanted"])), int(state.get("attempts", 0))

    def acquire(self, name: str, given: int, lease_seconds: float) -> Lock | None:
        """The lock, or None where another trainer has it.

        Args:
            name: Of the trainer, another one each time.
            given: A number that was given already, as the registry knows: an engine may forget.
            lease_seconds: How long it holds without being renewed.
        """
        number = int(self._acquire(name, given, _milliseconds(lease_seconds)))
        return Lock(number, name) if number else None

    def renew(self, lock: Lock, lease_seconds: float) -> bool:
        """Keep the lock; False where it is lost."""
        return bool(self._renew(lock.text, _milliseconds(lease_seconds)))

    def release(self, lock: Lock, done: Wish | None = None, *, counts: bool = True) -> bool:
        """Give the lock back; False where it was lost.

        Args:
            lock: What is given back.
            done: The wish that needs no further attempt.
            counts: Whether the attempt counts; one that was told to stop does not.
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


def request(engine: EngineClient, why: str) -> bool:
    """Ask for a retraining; False where one is asked for or running already.

    Args:
        engine: Where it is asked.
        why: In a sentence, for the history.

    Raises:
        EngineUnavailable: No engine answers.
    """
    if not Wishes(engine).add(why):
        return False
    publisher = Publisher(engine.url)  # where the message is lost, trainers look from time to time
    try:
        publisher.publish(TRAINING, "retrain")
    finally:
        publisher.close()
    return True


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
    since = last or Wishes(engine).known_since()
    if now - since < timedelta(seconds=interval_seconds):
        return False
    return request(engine, f"Due: the last one was at {since.isoformat(timespec='seconds')}.")


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
