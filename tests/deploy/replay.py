"""A service that is watched while a synthetic stream is replayed, once for all tests that look."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from model.judging.drift import Drift
from model.judging.drift_plan import PLANS
from model.registry import Registry
from model.synthetic import START, storm
from service.processes.up import free_port
from service.streams.feeding import netcdf_bytes
from tests.deploy.watched import Prometheus, prometheus
from tests.service.bodies import NETCDF, REFERENCE, WAIT, netcdf
from tests.service.processes import Place, engine, eventually, gateway, place, worker
from tests.service.stream_feed import declare
from workers.streams.drift import states_key
from workers.streams.layout import stamp

STREAM, FRAMES, SIDE = "radar", 12, 48
CHARTED = "charted"
EARLIER = timedelta(days=2)  # so that a day can be compared with the days before
EARLIER_FRAMES = 1


@dataclass(frozen=True)
class Watch:
    """What is left of a replay: a Prometheus that saw it, and what the gateway tells now."""

    prometheus: Prometheus
    start: float
    end: float
    exposition: str


@contextmanager
def watched_replay(models: Path, folder: Path) -> Iterator[Watch]:
    """Prometheus scrapes engine, gateway and worker while a stream is fed; floors are lowered."""
    port = str(free_port("127.0.0.1"))
    settings = {"worker_metrics_port": port, "event_floor_pixels": "1"}
    with (
        place(begun(models, folder / "models"), **settings) as where,
        engine(where),
        worker(where),
        gateway(where) as gate,
        prometheus(folder, gate.url.removeprefix("http://")) as watching,
    ):
        start = time.time()
        eventually(lambda: gate.client.get("/readyz").status_code == 200, 60)
        for name in (STREAM, CHARTED):
            declare(gate.client, name)
        watching.await_scrapes()  # counters at zero
        chart(where)
        replay(gate.client)
        watching.await_scrapes(3)  # two of them before the last time that is asked for
        yield Watch(watching, start, time.time(), gate.client.get("/metrics").text)


def begun(models: Path, root: Path) -> Path:
    """A registry with a history: a beginning and a verdict on a retraining."""
    registry = Registry(root, shipped=models)
    registry.take_over("the test")
    verdict = {"verdict": "reject"}
    registry.record("retrain", who="the test", why="A panel shows verdicts.", facts=verdict)
    return root


def chart(where: Place) -> None:
    """Give a stream the state of drift that it would have after months."""
    seen = {
        name: replace(series, samples=PLANS.series[name].floor)
        for name, series in Drift().series.items()
    }
    state = Drift(START, seen, replace(Drift().intensities, samples=PLANS.intensities.floor))
    store = where.store()
    store.engine.redis.hset(states_key(CHARTED), stamp(START), json.dumps(state.to_json()))
    store.close()


def replay(client: httpx.Client) -> None:
    """A frame of two days ago, then a storm frame by frame, then nowcasts with observations."""
    forecasts = 0
    for first, number in ((START - EARLIER, EARLIER_FRAMES), (START, FRAMES)):
        frames = storm(8, frames=FRAMES, height=SIDE, width=SIDE, step_minutes=5, start=first)
        for slot in range(number):
            path = (
                f"/streams/{STREAM}/frames/{frames.times[slot].isoformat().replace('+00:00', 'Z')}"
            )
            answer = client.put(path, content=netcdf_bytes(frames[slot : slot + 1]), headers=NETCDF)
            assert answer.status_code == 201, answer.text
            forecasts += 1
            eventually(lambda due=forecasts: issued(client) == due)
    for seed in (3, 4):
        answer = client.post(
            "/nowcast",
            params={"reference_time": REFERENCE},
            content=netcdf(seed, frames=12),
            headers={**NETCDF, **WAIT},
        )
        assert answer.status_code == 200, answer.text
    compared = sum(range(FRAMES - 9))
    eventually(lambda: model_forecasts_compared(client) == compared, 60)


def stamped(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def issued(client: httpx.Client) -> int:
    times = {"from": stamped(START - EARLIER), "to": stamped(START + EARLIER)}
    return len(client.get(f"/streams/{STREAM}/nowcasts", params=times).json()["nowcasts"])


def model_forecasts_compared(client: httpx.Client) -> int:
    methods = client.get(f"/streams/{STREAM}/verification").json()["methods"]
    return sum(lead["forecasts"] for lead in methods["model"]["30"]["leads"])
