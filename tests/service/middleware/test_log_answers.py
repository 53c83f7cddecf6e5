"""One line for each refusal and each job's end, with who, what, why and how long; no secret."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from starlette.types import Receive, Scope, Send

from echocast.service.auth.keys import new_key
from echocast.service.http.problems import current_problem
from echocast.service.middleware.log_answers import LogAnswers
from tests.service.bodies import NETCDF, WAIT, netcdf
from tests.service.real_processes import (
    FAKE_WORKER,
    Place,
    engine,
    eventually,
    gateway,
    place,
    worker,
)
from tests.service.streams.stream_feed import frame_bytes, time_of

SECRET, LINE = new_key("admin", "flood office")
STRAY = new_key("read", "stray")[0]
MODULES = ("echocast.service.processes.gateway", FAKE_WORKER)


def test_answers_of_readiness_have_a_line_where_they_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problems = iter(["no-worker", "no-worker", "disk-full", "", "", "no-worker"])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        slug = next(problems)
        current_problem.set((slug, "It is so."))
        await send({"type": "http.response.start", "status": 503 if slug else 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    caplog.set_level(logging.INFO, "echocast.requests")
    answering = LogAnswers(app, all_answers=False)
    scope = {"type": "http", "method": "GET", "path": "/readyz", "client": None}
    for _ in range(6):
        asyncio.run(answering(scope, AsyncMock(), AsyncMock()))
    logged = [(record.facts["status"], record.facts["problem"]) for record in caplog.records]
    assert logged == [(503, "no-worker"), (503, "disk-full"), (200, ""), (503, "no-worker")]


def lines(where: Place, module: str) -> list[dict[str, Any]]:
    text = (where.data / f"{module}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_refusals_and_ends_of_jobs_are_logged_without_secrets(named_models: Path) -> None:
    with (
        place(named_models, keys=LINE, log="json") as where,
        engine(where),
        worker(where, FAKE_WORKER),
        gateway(where) as gate,
    ):
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        key = {"X-API-Key": SECRET}
        for number, (path, headers) in enumerate(
            (
                ("/models", {"X-API-Key": STRAY}),
                ("/models", {"Authorization": f"Basic {STRAY}"}),
                (f"/models?key={STRAY}", key),
                (f"/nowcast/{STRAY}", key),
                (f"/{STRAY}", key),
                ("/streams/none", key),
            )
        ):
            gate.client.get(path, headers={**headers, "X-Request-ID": f"mine-{number}"})
        sent = {**NETCDF, **WAIT, **key, "X-Request-ID": "of-the-job"}
        job = gate.client.post("/nowcast", content=netcdf(), headers=sent).json()
        assert job["status"] == "succeeded"
        gate.client.put("/streams/radar", json={"step_minutes": 5}, headers=key)
        frame = {"content": frame_bytes(0), "headers": {**sent, "X-Request-ID": "of-the-frame"}}
        assert gate.client.put(f"/streams/radar/frames/{time_of(0)}", **frame).is_success
        eventually(lambda: "of-the-frame" in (where.data / f"{MODULES[1]}.log").read_text())
        text = gate.client.get("/metrics", headers=key).text
        logs = "".join((where.data / f"{module}.log").read_text() for module in MODULES)
        for secret in (SECRET, STRAY):
            assert secret not in text
            assert secret not in logs
        refusals = {
            line["request_id"]: line for line in lines(where, MODULES[0]) if "status" in line
        }
        (of_stream,) = [line for line in lines(where, MODULES[1]) if line.get("stream") == "radar"]
        (end,) = [line for line in lines(where, MODULES[1]) if line.get("job") == job["id"]]
    assert {f"mine-{number}" for number in range(6)} <= {*refusals}
    assert "of-the-job" not in refusals  # answered, and access lines are off
    assert (refusals["mine-0"]["problem"], refusals["mine-0"]["who"]) == ("missing-key", "nobody")
    last = refusals["mine-5"]
    assert (last["status"], last["problem"], last["who"]) == (404, "unknown-stream", "flood office")
    assert (last["path"], last["address"]) == ("/streams/none", "127.0.0.1")
    assert "no stream" in last["detail"]
    assert last["seconds"] > 0
    assert (end["request_id"], end["who"]) == ("of-the-job", "flood office")
    assert (of_stream["request_id"], of_stream["status"]) == ("of-the-frame", "succeeded")
    assert (end["status"], end["error"]) == ("succeeded", None)
    assert end["timings"]["total"] > 0
