"""What the gateway tells of engine, queue, workers and disk."""

from __future__ import annotations

from pathlib import Path

import httpx

from echocast.service.metrics.engine import EngineCollector
from echocast.workers.archive.archive import Archive
from echocast.workers.jobs.store import JobStore
from tests.service.bodies import NETCDF, netcdf
from tests.service.real_processes import Gateway, place


def samples(client: httpx.Client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_whole_service_is_described(client: httpx.Client) -> None:
    gauges = samples(client)
    assert gauges["echocast_engine_reachable"] == 1
    assert gauges["echocast_engine_persistence_ok"] == 1
    assert (
        0
        < gauges["echocast_engine_memory_used_bytes"]
        < gauges["echocast_engine_memory_limit_bytes"]
    )
    assert gauges["echocast_engine_uptime_seconds"] >= 0
    assert gauges["echocast_workers_alive"] == 1
    assert 0 <= gauges['echocast_worker_heartbeat_age_seconds{worker="newest"}'] < 3
    assert gauges["echocast_disk_free_bytes"] > gauges["echocast_disk_floor_bytes"]
    assert (gauges["echocast_queue_jobs"], gauges["echocast_queue_oldest_job_age_seconds"]) == (
        0,
        0,
    )


def test_a_waiting_job_grows_older(door: Gateway) -> None:
    answer = door.client.post("/nowcast", content=netcdf(), headers=NETCDF)
    assert answer.status_code == 202, answer.text
    first, second = samples(door.client), samples(door.client)
    assert first["echocast_queue_jobs"] >= 1
    age = "echocast_queue_oldest_job_age_seconds"
    assert 0 < first[age] < second[age]
    door.client.delete(answer.headers["location"])


def test_of_an_engine_that_is_away_only_that_is_said(tmp_path: Path) -> None:
    with place(tmp_path) as where:
        store = JobStore(where.settings.engine_url, patience_seconds=0)
        archive = Archive(where.data / "store")
        gauges = {m.name: m.samples[0].value for m in EngineCollector(store, archive, 7).collect()}
        store.close()
    free = gauges.pop("echocast_disk_free_bytes")
    assert 0 < free <= gauges.pop("echocast_disk_size_bytes")
    assert gauges == {"echocast_disk_floor_bytes": 7, "echocast_engine_reachable": 0}
