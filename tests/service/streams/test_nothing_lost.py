"""Frames that were taken are forecast from and scored once, whatever dies or fills up."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.service.client.feed import Feeder, one_by_one
from echocast.service.processes.readiness import running_service, stop_process, wait_until
from echocast.workers.streams.reindex import reindex_all
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.bodies import is_problem, netcdf, post
from tests.service.real_processes import (
    FAKE_WORKER,
    Place,
    engine,
    eventually,
    gateway,
    place,
    pretend_worker,
    start,
    worker,
)
from tests.service.streams.stream_feed import (
    COUNT,
    agree,
    all_scored,
    declare,
    frames,
    put,
    references,
    time_of,
)

SWEEP = {"stream_sweep_seconds": "1"}
KILLS = int(os.environ.get("ECHOCAST_TEST_KILLS", "6"))


def test_an_engine_may_be_away_and_may_forget_everything(named_models: Path) -> None:
    """Frames are taken meanwhile, seen to when it is back, and never sent again."""
    with place(named_models, **SWEEP) as where, ExitStack() as stack:
        with engine(where):
            stack.enter_context(worker(where, FAKE_WORKER))
            gate = stack.enter_context(gateway(where))
            eventually(lambda: gate.client.get("/readyz").status_code == 200)
            declare(gate.client, "radar")
            assert put(gate.client, "radar", 0).status_code == 201
            eventually(all_scored(where, "radar", 1))
        for slot in range(1, 4):
            assert put(gate.client, "radar", slot).status_code == 201
        assert gate.client.get("/streams/radar/latest").status_code == 200
        is_problem(gate.client.get("/streams/radar/verification"), 503, "engine-unreachable")
        with engine(where):
            eventually(all_scored(where, "radar", 4))
            assert references(gate.client, "radar") == [time_of(slot) for slot in range(4)]
            assert agree(where, "radar")
            sums_are_made_again(where, gate.client)


def sums_are_made_again(where: Place, client: httpx.Client) -> None:
    """For an engine that lost everything."""
    before = client.get("/streams/radar/verification").json()
    store = where.store()
    store.engine.redis.flushall()
    store.close()
    reindexed = reindex_all(where.settings, recount=True)["radar"]
    assert (reindexed.frames, reindexed.forecasts, reindexed.differing) == (4, 4, 0)
    assert client.get("/streams/radar/verification").json() == before
    assert agree(where, "radar")


def test_a_full_disk_takes_no_frame_and_no_job_and_tears_nothing(models: Path) -> None:
    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, free_space_floor_bytes=str(2**60)) as full:
            declare(full.client, "radar")
            answer = put(full.client, "radar", 0)
            is_problem(answer, 507, "disk-full")
            assert answer.headers["retry-after"]
            assert full.client.get("/streams/radar").json()["newest_frame"] is None
            is_problem(post(full.client, netcdf()), 507, "disk-full")
            not_ready = full.client.get("/readyz")
            is_problem(not_ready, 507, "disk-full")
            assert "must stay free" in not_ready.json()["detail"]
        with gateway(where) as gate:
            assert put(gate.client, "radar", 0).status_code == 201


@contextmanager
def killed_now_and_then(
    where: Place, gate_port: int, seed: int, kills: int
) -> Iterator[dict[str, int]]:
    """Engine, worker and gateway, one of which is killed at random and started again."""
    starters = {
        "valkey": lambda: start("echocast.service.processes.engine", where),
        "worker": lambda: start(FAKE_WORKER, where),
        "gateway": lambda: start("echocast.service.processes.gateway", where, port=str(gate_port)),
    }
    running = {name: begin() for name, begin in starters.items()}
    killed = dict.fromkeys(starters, 0)
    stop = threading.Event()
    dice = random.Random(seed)

    def kill() -> None:
        order = list(starters) * kills
        for name in dice.sample(order, len(order)):
            if stop.wait(dice.uniform(0.2, 2.0)):
                return
            if name == "valkey":
                _kill_valkey(where)
            os.kill(running[name].pid, signal.SIGKILL)
            stop_process(running[name])
            killed[name] += 1
            running[name] = starters[name]()

    killer = threading.Thread(target=kill)
    try:
        wait_until(f"http://127.0.0.1:{gate_port}/readyz", running["gateway"], PATIENCE_SECONDS)
        killer.start()
        yield killed
    finally:
        stop.set()
        killer.join()
        for process in list(running.values())[::-1]:
            stop_process(process)


def _kill_valkey(where: Place) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int((where.settings.engine_directory / "valkey.pid").read_text())
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", [1])
def test_counts_equal_the_recount_when_everything_is_killed_during_a_replay(
    named_models: Path, seed: int
) -> None:
    """Frames in time order but two that swap, one replaced in the middle; all processes killed."""
    port = free_port()
    with (
        place(named_models, **SWEEP) as where,
        killed_now_and_then(where, port, seed, KILLS) as killed,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS, trust_env=False
        ) as client,
    ):
        feeder = Feeder(client, "radar", 120)
        feeder.declare(5)
        single = list(one_by_one(frames()))
        single[4], single[5] = single[5], single[4]
        late = 0
        for number, frame in enumerate(single):
            late += feeder.send(frame)["late"]
            if number == 8:
                feeder.send(_other(frame), replace=True)
            time.sleep(1.0)
        eventually(lambda: min(killed.values()) >= KILLS, 2 * PATIENCE_SECONDS)
        eventually(lambda: all_scored(where, "radar", COUNT - late)(), 2 * PATIENCE_SECONDS)
        assert late == 1
        assert len(references(client, "radar")) == len(set(references(client, "radar")))
        assert agree(where, "radar")


def _other(frame: Any) -> Any:
    return frame.with_values(frame.reflectivity_dbz + 1, frame.times)


def test_a_replay_from_the_command_line_fills_a_whole_service(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`echocast up` and `echocast replay`, then the same replay again: nothing new."""
    import json

    from typer.testing import CliRunner

    from echocast.model.formats.forecast_writer import write_frames
    from echocast.service.cli.main import app

    write_frames(frames(), tmp_path / "archive.nc")
    port = free_port()
    with place(models, **SWEEP) as where:
        monkeypatch.setenv("ECHOCAST_DATA_DIR", str(where.data))
        settings = {k: v for k, v in where.environment.items() if k.startswith("ECHOCAST_")}
        log = where.data / "up.log"
        with running_service(where.data, port, log, settings) as process:
            url = f"http://127.0.0.1:{port}"
            wait_until(f"{url}/readyz", process, PATIENCE_SECONDS)
            command = ["replay", str(tmp_path / "archive.nc"), "--stream", "radar", "--url", url]
            first = CliRunner().invoke(app, [*command, "--json"])
            assert first.exit_code == 0, (first.output, log.read_text())
            report = json.loads(first.stdout)
            assert (report["created"], report["without_forecast"]) == (COUNT, 0)
            again = json.loads(
                CliRunner().invoke(app, [*command, "--json", "--speed", "1e9"]).stdout
            )
            assert (again["same"], again["created"]) == (COUNT, 0)
            eventually(all_scored(where, "radar", COUNT))
            recounted = CliRunner().invoke(app, ["reindex", "--recount", "--json"])
            assert recounted.exit_code == 0, recounted.output
            assert json.loads(recounted.stdout)["radar"]["differing"] == 0
            assert agree(where, "radar")
