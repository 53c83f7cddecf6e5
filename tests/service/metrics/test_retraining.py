"""What Prometheus is told of retraining."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry

from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry
from echocast.service.metrics.retraining import RetrainingCollector
from echocast.workers.retraining.requests import SCHEDULE_KEY, RetrainingRequests, note_schedule
from tests.workers.conftest import World, make_world

__all__ = ["make_world"]
LAST = "echocast_retrain_last_verdict_timestamp_seconds"


def test_verdicts_and_trainers_are_told(make_world: Callable[..., World], tmp_path: Path):
    world = make_world()
    models, engine = Registry(tmp_path), world.jobs.engine
    metrics = CollectorRegistry()
    metrics.register(RetrainingCollector(models.reader, engine))
    assert metrics.get_sample_value("echocast_retrain_interval_seconds") == 0
    note_schedule(engine, 3600.0)
    assert metrics.get_sample_value("echocast_retrain_interval_seconds") == 3600
    assert 3 * 3600 < engine.redis.ttl(SCHEDULE_KEY) <= 4 * 3600
    assert metrics.get_sample_value("echocast_retrain_running") == 0
    assert metrics.get_sample_value(LAST, {"verdict": "reject"}) == 0
    models.record("retrain", who="x", why="y", facts={"verdict": "reject"})
    last = models.record("retrain", who="x", why="y", facts={"verdict": "reject"})
    assert RetrainingRequests(engine).acquire("trainer", 0, 30)
    assert metrics.get_sample_value(LAST, {"verdict": "reject"}) == last.time.timestamp()
    assert metrics.get_sample_value(LAST, {"verdict": "promote"}) == 0
    assert metrics.get_sample_value("echocast_retrain_running") == 1


def test_an_engine_that_is_away_hides_only_what_it_knows(
    make_world: Callable[..., World], tmp_path: Path
):
    world = make_world()
    metrics = CollectorRegistry()
    engine = RetrainingRequests(world.jobs.engine).engine
    metrics.register(RetrainingCollector(RegistryReader(tmp_path), engine))
    world.engine.stop()
    assert metrics.get_sample_value("echocast_retrain_running") is None
    assert metrics.get_sample_value("echocast_retrain_interval_seconds") is None
    assert metrics.get_sample_value(LAST, {"verdict": "reject"}) == 0
