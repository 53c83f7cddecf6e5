"""A service without worker, and one whose worker comes late."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from echocast.workers.jobs.store import JobStore
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import is_problem, netcdf, other_storm, post
from tests.service.real_processes import Gateway, engine, eventually, gateway, place, pretend_worker


def test_a_short_absence_of_the_worker_is_tolerated(models: Path) -> None:
    storms = [other_storm(seed) for seed in (50, 51, 52)]
    with (
        place(models) as where,
        engine(where),
        gateway(where, worker_tolerance_seconds="8") as gate,
    ):
        pretend_worker(where)
        assert post(gate.client, storms[0]).status_code == 202
        pretend_worker(where, seconds=0.1)
        eventually(lambda: gate.client.get("/readyz").status_code == 503)
        assert post(gate.client, storms[1]).status_code == 202
        eventually(lambda: post(gate.client, storms[2]).status_code == 503)


def test_what_is_not_finished_has_no_forecast(door: Gateway) -> None:
    client = door.client
    answer = post(client, other_storm(53), Prefer="wait=1")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"
    links = answer.json()["links"]
    is_problem(client.get(links["forecast"]), 409, "forecast-not-ready")
    is_problem(client.get(links["verification"]), 409, "forecast-not-ready")
    cancelled = client.delete(links["self"])
    assert cancelled.json()["status"] == "cancelled"
    refused = client.get(links["forecast"])
    is_problem(refused, 409, "forecast-not-ready")
    assert "cancelled" in refused.json()["detail"]


def test_without_engine_or_worker_the_gateway_says_so_and_recovers(models: Path) -> None:
    with place(models) as where, gateway(where) as gate:
        assert gate.client.get("/healthz").status_code == 200
        is_problem(post(gate.client, netcdf()), 503, "engine-unreachable")
        with engine(where):
            eventually(lambda: "no-worker" in gate.client.get("/readyz").json()["type"])
            is_problem(gate.client.get("/readyz"), 503, "no-worker")
            refused = post(gate.client, netcdf())
            is_problem(refused, 503, "no-worker")
            assert int(refused.headers["retry-after"]) > 0
            assert gate.client.get("/healthz").status_code == 200
            pretend_worker(where)
            eventually(lambda: gate.client.get("/readyz").status_code == 200)
            assert post(gate.client, netcdf()).status_code == 202


def test_who_prefers_to_wait_waits_for_a_worker_that_starts(models: Path) -> None:
    with (
        place(models) as where,
        engine(where),
        gateway(where) as gate,
        ThreadPoolExecutor() as pool,
    ):
        refused = gate.client.get("/readyz")
        is_problem(refused, 503, "no-worker")
        assert re.search(r"has been starting for \d+ s\.", refused.json()["detail"])
        is_problem(post(gate.client, netcdf(), Prefer="wait=1"), 503, "no-worker")
        patient = pool.submit(post, gate.client, netcdf(), Prefer="wait=20")
        pretend_worker(where, seconds=3)
        assert patient.result().status_code == 202
        lasted = eventually_some(where.store, "echocast:starts")
        eventually(lambda: gate.client.get("/readyz").status_code == 503)
        assert "No worker has sent a heartbeat for" in gate.client.get("/readyz").json()["detail"]
        with gateway(where) as second:
            eventually(lambda: "usually" in second.client.get("/readyz").json()["detail"])
            refused = second.client.get("/readyz")
            assert f"; usually it takes {lasted:.0f} s." in refused.json()["detail"]
            assert 1 <= int(refused.headers["retry-after"]) <= math.ceil(lasted)


def eventually_some(open_store: Callable[[], JobStore], key: str) -> float:
    """The one number in a list of the engine, once it is there."""
    store = open_store()
    try:
        eventually(lambda: store.engine.redis.llen(key) == 1)
        return float(store.engine.redis.lindex(key, 0))
    finally:
        store.close()


def test_a_stalled_upload_is_given_up(models: Path) -> None:
    def slow() -> Iterator[bytes]:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:  # until it is refused
            time.sleep(0.1)
            yield b"x"

    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, upload_timeout_seconds="0.5") as gate:
            headers = {"Content-Type": "application/x-netcdf"}
            try:
                answer = gate.client.post("/nowcast", content=slow(), headers=headers)
                is_problem(answer, 408, "body-too-slow")
            except httpx.TransportError as error:
                raise AssertionError("the refusal was lost") from error
