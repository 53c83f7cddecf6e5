"""StartTimes: how long earlier starts of this service took, as the engine remembers them."""

from __future__ import annotations

from statistics import median
from typing import Final

from echocast.workers.engine.client import EngineClient

KEY: Final = "echocast:starts"  # seconds from a gateway's start to the first worker, newest first
REMEMBERED: Final = 10


class StartTimes:
    """Seconds from the start of a gateway to the first heartbeat of a worker.

    Args:
        engine: Where they are stored, for all gateways.
    """

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine

    def add(self, seconds: float) -> None:
        """Remember a start; the newest ten stay.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        redis = self._engine.redis
        self._engine.call(lambda: redis.lpush(KEY, f"{seconds:.3f}"))
        self._engine.call(lambda: redis.ltrim(KEY, 0, REMEMBERED - 1))

    def usual(self) -> float | None:
        """The median of those that are remembered; None before the first.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        starts = self._engine.call(lambda: self._engine.redis.lrange(KEY, 0, -1))
        return median(map(float, starts)) if starts else None
