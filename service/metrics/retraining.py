"""RetrainingCollector: whether a retraining runs, and when each verdict was last given."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from echocast.model.errors import ModelError
from echocast.model.registry.reader import RegistryReader
from echocast.workers.engine.client import EngineClient
from echocast.workers.retraining.requests import LOCK_KEY, SCHEDULE_KEY

VERDICTS = ("promote", "reject", "insufficient evidence", "failed")


class RetrainingCollector(Collector):
    """Reads the registry's history and the engine when Prometheus asks.

    Args:
        registry: Whose history has the verdicts.
        engine: Which has the lock, and the schedule.
    """

    def __init__(self, registry: RegistryReader, engine: EngineClient) -> None:
        self._registry = registry
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Verdicts by time, 0 before the first; whether a trainer is at work; the schedule."""
        verdicts = GaugeMetricFamily(
            "echocast_retrain_last_verdict_timestamp_seconds",
            "When a retraining last came to this verdict; 0: never.",
            labels=("verdict",),
        )
        for verdict, time in self._last().items():
            verdicts.add_metric((verdict,), time)
        yield verdicts
        yield from self._of_engine()

    def _last(self) -> dict[str, float]:
        last = dict.fromkeys(VERDICTS, 0.0)
        try:
            history = self._registry.history()
        except (ModelError, OSError):
            return {}
        for entry in history:
            if entry.what == "retrain" and entry.facts.get("verdict") in last:
                last[str(entry.facts["verdict"])] = entry.time.timestamp()
        return last

    def _of_engine(self) -> Iterator[Metric]:
        redis = self._engine.redis  # asked once: a scrape has no time to wait
        try:
            running, interval = redis.exists(LOCK_KEY), redis.get(SCHEDULE_KEY)
        except (RedisError, OSError):
            return
        yield GaugeMetricFamily(
            "echocast_retrain_running", "1 while a trainer is at work.", float(running)
        )
        yield GaugeMetricFamily(
            "echocast_retrain_interval_seconds",
            "Time between two retrainings; 0: no schedule asks for any.",
            float(interval or 0),
        )
