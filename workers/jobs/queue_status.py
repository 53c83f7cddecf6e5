"""QueueStatus: how the queue, the workers and the engine itself are at this moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.store import WAITING_KEY, WORKERS_KEY

NAN = math.nan


@dataclass(frozen=True)
class QueueStatus:
    """The queue, the workers and the engine at this moment; NaN where the engine has no such value.

    Args:
        waiting: Jobs that wait.
        oldest_seconds: Since the job at the head of the queue was submitted; 0: none waits.
        heartbeats_good_for: Seconds each worker's last sign of life is good for; negative: late.
        memory_used_bytes: Memory of the engine's data.
        memory_limit_bytes: What it may use; NaN without a limit.
        uptime_seconds: Since the engine started.
        writes_are_safe: It writes every change to disk, and the last write succeeded.
    """

    waiting: int
    oldest_seconds: float
    heartbeats_good_for: tuple[float, ...]
    memory_used_bytes: float
    memory_limit_bytes: float
    uptime_seconds: float
    writes_are_safe: bool


def queue_status(engine: EngineClient) -> QueueStatus:
    """The status of an engine and of the queue in it.

    Raises:
        EngineUnavailable: It does not answer.
    """
    pipeline = engine.redis.pipeline(transaction=False)
    pipeline.time().zcard(WAITING_KEY).zrange(WAITING_KEY, 0, 0).hvals(WORKERS_KEY)
    for section in ("memory", "persistence", "server"):
        pipeline.info(section)
    (seconds, micros), waiting, head, beats, memory, disk, server = engine.call(pipeline.execute)
    now = seconds + micros / 1e6
    return QueueStatus(
        waiting=waiting,
        oldest_seconds=_waited(engine, head, now),
        heartbeats_good_for=tuple(float(beat.split(" ", 1)[0]) - now for beat in beats),
        memory_used_bytes=memory["used_memory"],
        memory_limit_bytes=memory["maxmemory"] or NAN,
        uptime_seconds=server["uptime_in_seconds"],
        writes_are_safe=_writes_are_safe(disk),
    )


def _waited(engine: EngineClient, head: list[str], now: float) -> float:
    if not head:
        return 0.0
    created = engine.call(lambda: engine.redis.hget(f"echocast:job:{head[0]}", "created"))
    return max(0.0, now - float(created)) if created else 0.0


def _writes_are_safe(persistence: dict[str, Any]) -> bool:
    """Of an engine that writes no log, an accepted job would die with it."""
    states = (persistence.get(f"aof_last_{what}_status", "ok") for what in ("write", "bgrewrite"))
    return bool(persistence.get("aof_enabled")) and set(states) == {"ok"}
