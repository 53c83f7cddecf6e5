"""A service that is watched while an event is replayed, once for all tests that look."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from echocast.model.drift.detector import PARAMETERS, Drift
from echocast.model.formats.stream_layout import stamp
from echocast.model.frames import Frames
from echocast.model.registry.checkpoint import load, save
from echocast.model.registry.registry import Registry
from echocast.model.synthetic.storms import START, storm
from echocast.service.client.feed import netcdf_bytes, one_by_one
from echocast.service.fetching.source_state import SourceState
from echocast.service.streams.source_states import SourceStates
from echocast.workers.retraining.requests import note_schedule
from echocast.workers.streams.drift import states_key
from tests.deploy.watched import Prometheus, prometheus
from tests.ports import free_port
from tests.service.bodies import NETCDF, REFERENCE, WAIT, netcdf
from tests.service.real_processes import Place, engine, eventually, gateway, place, worker
from tests.service.streams.stream_feed import declare

STREAM, FRAMES, SIDE = "radar", 12, 48
CHARTED = "charted"
EARLIER = timedelta(days=2)  # so that a day can be compared with the days before
FIRST_WHOLE = 11  # frames that it takes for the first forecast by a network
BLOCK_SECONDS = 20  # stands for six hours: panels count such blocks, beginning with whole ones


@dataclass(frozen=True)
class Watch:
    """What is left of a replay: a Prometheus that saw it, and what the gateway tells now."""

    prometheus: Prometheus
    start: float
    end: float
    exposition: str


@contextmanager
def watched_replay(models: Path, folder: Path, event: Frames | None = None) -> Iterator[Watch]:
    """Prometheus scrapes engine, gateway and worker while a stream is fed; floors are lowered.

    Args:
        models: A registry.
        folder: For Prometheus.
        event: At least :data:`FRAMES` frames; None: a synthetic storm.
    """
    port = str(free_port())
    floors = {f"event_floor_{name}": "1" for name in ("pixels", "blocks", "storms")}
    settings = {"worker_metrics_port": port, "shadow_share": "1", **floors}
    with (
        place(begun(models, folder / "models"), **settings) as where,
        engine(where),
        worker(where),
        gateway(where) as gate,
        prometheus(folder, gate.url.removeprefix("http://")) as watching,
    ):
        start = time.time()
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        for name in (STREAM, CHARTED):
            declare(gate.client, name)
        watching.await_scrapes()  # counters at zero
        chart(where)
        report(where)
        synthetic = storm(8, frames=FRAMES, height=SIDE, width=SIDE, step_minutes=5)
        replay(gate.client, event or synthetic, watching)
        watching.await_scrape_after(next_block())
        watching.await_scrapes(3)  # two of them before the last time that is asked for
        yield Watch(watching, start, time.time(), gate.client.get("/metrics").text)


def begun(models: Path, root: Path) -> Path:
    """A registry with a history: a beginning, a verdict on a retraining, and a challenger."""
    registry = Registry(root, shipped=models)
    registry.take_over("the test")
    verdict = {"verdict": "reject"}
    registry.record("retrain", who="the test", why="A panel shows verdicts.", facts=verdict)
    save(load(root / "tiny" / "1")[0], root / "tiny" / "2", {})
    registry.set_alias("challenger", "tiny/2", who="the test", why="Panels show challengers.")
    return root


def chart(where: Place) -> None:
    """Give a stream the state of drift that it would have after months."""
    series = {
        name: replace(series, samples=PARAMETERS.series[name].floor)
        for name, series in Drift().series.items()
    }
    state = Drift(START, series, replace(Drift().intensities, samples=PARAMETERS.intensities.floor))
    store = where.store()
    store.engine.redis.hset(states_key(CHARTED), stamp(START), json.dumps(state.to_json()))
    store.close()


def report(where: Place) -> None:
    """What a schedule of retrainings and a fetcher of images say now and then."""
    store, now = where.store(), datetime.now(UTC)
    note_schedule(store.engine, timedelta(days=7).total_seconds())
    state = SourceState(
        source="opera",
        title="Played",
        step_minutes=5,
        latency_minutes=1,
        began=now,
        reported=now,
        newest_image=now,
        last_success=now,
    )
    SourceStates(store.engine).put(STREAM, state)
    store.close()


def replay(client: httpx.Client, event: Frames, watching: Prometheus) -> None:
    """A frame of two days ago, then an event frame by frame, then nowcasts with observations.

    The challenger's counters are exported from its first forecast on. A scrape reads them at zero,
    and all counts come at the beginning of a block: a rise between two blocks is in neither.
    """
    first = event[:1]
    before = first.with_values(first.reflectivity_dbz, [first.times[0] - EARLIER])
    for count, frame in enumerate((before, *one_by_one(event[:FRAMES])), start=1):
        path = f"/streams/{STREAM}/frames/{stamped(frame.times[0])}"
        answer = client.put(path, content=netcdf_bytes(frame), headers=NETCDF)
        assert answer.status_code == 201, answer.text
        eventually(lambda due=count: issued(client, event.times[0]) == due)
        if count == FIRST_WHOLE:
            eventually(lambda: 'method="challenger"' in client.get("/metrics").text)
            watching.await_scrape_after(next_block())
    for seed in (3, 4):
        answer = client.post(
            "/nowcast",
            params={"reference_time": REFERENCE},
            content=netcdf(seed, frames=12),
            headers={**NETCDF, **WAIT},
        )
        assert answer.status_code == 200, answer.text
    compared = sum(range(FRAMES - 9))
    for method in ("model", "challenger"):
        eventually(lambda method=method: forecasts_compared(client, method) == compared)


def next_block() -> float:
    """When the next block begins, in seconds since 1970."""
    return (time.time() // BLOCK_SECONDS + 1) * BLOCK_SECONDS


def stamped(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def issued(client: httpx.Client, start: datetime) -> int:
    times = {"from": stamped(start - EARLIER), "to": stamped(start + EARLIER)}
    return len(client.get(f"/streams/{STREAM}/nowcasts", params=times).json()["nowcasts"])


def forecasts_compared(client: httpx.Client, method: str) -> int:
    methods = client.get(f"/streams/{STREAM}/verification").json()["methods"]
    return sum(lead["forecasts"] for lead in methods[method]["30"]["leads"])
