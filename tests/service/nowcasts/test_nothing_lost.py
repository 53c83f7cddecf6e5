"""What is accepted is answered, whoever is killed."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.service.processes.readiness import stop_process
from tests.service.bodies import WAIT, other_storm, post
from tests.service.real_processes import (
    FAKE_WORKER,
    engine,
    eventually,
    gateway,
    place,
    start,
    worker,
)


def outcome(client: httpx.Client, path: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(path).json()
    return job


def test_a_killed_gateway_loses_nothing(named_models: Path) -> None:
    """A client waits for a job that no worker has yet; its gateway is killed."""
    with (
        place(named_models) as where,
        engine(where),
        worker(where, FAKE_WORKER) as process,
        gateway(where) as first,
        ThreadPoolExecutor(1) as pool,
    ):
        eventually(lambda: first.client.get("/readyz").status_code == 200)
        process.send_signal(signal.SIGSTOP)
        waiting = pool.submit(post, first.client, other_storm(60), **WAIT)
        eventually(lambda: where.store().queue_depth() == 1)
        first.process.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result()
        with gateway(where) as second:
            process.send_signal(signal.SIGCONT)
            eventually(lambda: second.client.get("/readyz").status_code == 200)
            answer = post(second.client, other_storm(60), **WAIT)
            assert answer.status_code == 200
            assert answer.json()["status"] == "succeeded"
            assert answer.json()["attempts"] == 1


def test_a_killed_worker_loses_nothing(named_models: Path) -> None:
    with place(named_models) as where, engine(where), gateway(where) as gate:
        with worker(where, FAKE_WORKER) as first:
            eventually(lambda: gate.client.get("/readyz").status_code == 200)
            paths = [
                post(gate.client, other_storm(seed)).headers["location"] for seed in range(61, 65)
            ]
            first.kill()
            first.wait()
        with worker(where, FAKE_WORKER):
            eventually(lambda: all(outcome(gate.client, p)["status"] == "succeeded" for p in paths))


def test_a_killed_engine_loses_nothing_and_waiters_go_on(named_models: Path) -> None:
    """Valkey is killed while a client waits; the gateway subscribes again and answers."""
    with (
        place(named_models) as where,
        engine(where),
        gateway(where) as gate,
        worker(where, FAKE_WORKER) as process,
    ):
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        with ThreadPoolExecutor(1) as pool:
            process.send_signal(signal.SIGSTOP)
            waiting = pool.submit(post, gate.client, other_storm(66), **WAIT)
            eventually(lambda: where.store().queue_depth() == 1)
            pid = int((where.settings.engine_directory / "valkey.pid").read_text())
            kill(pid)
            process.send_signal(signal.SIGCONT)
            answer = waiting.result()
        logs = [path.read_text()[-3000:] for path in where.data.glob("*.log")]
        assert answer.status_code == 200, "\n".join([answer.text, *logs])
        assert answer.json()["status"] == "succeeded", "\n".join([answer.text, *logs])


def kill(pid: int) -> None:
    import os

    os.kill(pid, signal.SIGKILL)


def test_of_a_killed_gateway_nothing_stays(models: Path) -> None:
    """Its children end; its scratch goes when another one starts, whose own goes when it ends."""
    with place(models) as where:
        scratch = where.settings.archive_root / "scratch"
        with gateway(where) as gate:
            children: list[int] = []

            def all_children() -> bool:
                listed = Path(f"/proc/{gate.process.pid}/task").glob("*/children")
                children[:] = [int(pid) for path in listed for pid in path.read_text().split()]
                return len(children) == 2  # one decodes, one renders

            eventually(all_children)
            gate.process.kill()
            gate.process.wait()
            left = set(scratch.glob("gateway-*"))
            assert left
            eventually(lambda: not any(alive(pid) for pid in children))
        with gateway(where) as gate:
            assert not left & set(scratch.glob("gateway-*"))
            assert gate.client.put("/streams/radar", json={"step_minutes": 5}).status_code == 201
            assert len(list(scratch.iterdir())) == 2  # its own, and its archive's
        assert not list(scratch.iterdir())


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_stopping_twice_is_harmless(models: Path) -> None:
    with place(models) as where:
        process = start("echocast.service.processes.gateway", where, port="0")
        stop_process(process)
        stop_process(process)
        assert process.returncode is not None
