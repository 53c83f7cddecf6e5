"""Streams can be paused and deleted; of a deleted one nothing is left, whoever is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.model.errors import ContractViolation
from echocast.service.auth.keys import new_key
from echocast.workers.errors import StreamConflict, UnknownStream
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.removal import FOLDERS
from echocast.workers.streams.stream import Stream
from tests.service.bodies import is_problem
from tests.service.real_processes import (
    FAKE_WORKER,
    Place,
    engine,
    eventually,
    gateway,
    place,
    worker,
)
from tests.service.streams.stream_feed import (
    agree,
    all_scored,
    declare,
    feed,
    frame_bytes,
    put,
    references,
    time_of,
)

SWEEP = {"stream_sweep_seconds": "1"}
KILLED_WHILE_DELETING = """
import os, signal, sys
from pathlib import Path
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.processing import StreamProcessing

deletes = []
real = LocalFiles.delete
def delete(files, path):
    deletes.append(path)
    if len(deletes) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(files, path)
LocalFiles.delete = delete
settings = WorkerSettings.model_validate({"data_dir": Path(sys.argv[1])})
StreamProcessing.from_settings(settings, 5).removal.delete(sys.argv[3])
"""


@pytest.fixture(scope="module")
def streams(named_models: Path) -> Iterator[tuple[Place, httpx.Client]]:
    """A service whose worker comes later; a stream for each test."""
    with place(named_models, **SWEEP) as where, engine(where), gateway(where) as gate:
        yield where, gate.client


def left(where: Place, name: str) -> list[str]:
    """Files of a stream, but for what says that it was deleted; and keys of the engine."""
    store = where.data / "store"
    files = [p for folder in FOLDERS for p in (store / folder / name).rglob("*") if p.is_file()]
    jobs = where.store()
    keys = list(jobs.engine.redis.scan_iter(f"echocast:stream:{name}:*"))
    jobs.close()
    return [str(p) for p in files if p.name != "stream.json"] + keys


def shown(client: httpx.Client, name: str) -> bool:
    return f'stream="{name}"' in client.get("/metrics").text


def test_a_deleted_stream_leaves_nothing_and_the_next_of_its_name_begins_anew(
    streams: tuple[Place, httpx.Client],
) -> None:
    where, client = streams
    with worker(where, FAKE_WORKER):
        feed(client, "begun-anew", range(3))
        eventually(all_scored(where, "begun-anew", 3))
        assert left(where, "begun-anew")
        assert shown(client, "begun-anew")
        assert client.delete("/streams/begun-anew").status_code == 204
        assert left(where, "begun-anew") == []
        for answer in (
            client.get("/streams/begun-anew"),
            client.get("/streams/begun-anew/latest"),
            client.delete("/streams/begun-anew"),
            client.patch("/streams/begun-anew", json={"paused": True}),
            put(client, "begun-anew", 3),
        ):
            is_problem(answer, 404, "unknown-stream")
        assert "begun-anew" not in client.get("/streams").text
        assert not shown(client, "begun-anew")
        assert declare(client, "begun-anew", units="dBZ", step_minutes=10).status_code == 201
        assert client.delete("/streams/begun-anew").status_code == 204
        feed(client, "begun-anew", range(3))  # the same frames: other nowcasts
        eventually(all_scored(where, "begun-anew", 3))
        assert agree(where, "begun-anew")
        assert references(client, "begun-anew") == [time_of(slot) for slot in range(3)]


@pytest.mark.parametrize("deletes", [1, 4])
def test_a_deletion_that_is_killed_is_finished_by_a_worker(
    streams: tuple[Place, httpx.Client], deletes: int
) -> None:
    (where, client), name = streams, f"killed-at-{deletes}"
    declare(client, name)
    for slot in range(4):
        assert put(client, name, slot).status_code == 201
    command = [sys.executable, "-c", KILLED_WHILE_DELETING, str(where.data), str(deletes), name]
    done = subprocess.run(command, check=False, env={**where.environment}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert left(where, name)
    is_problem(client.get(f"/streams/{name}"), 404, "unknown-stream")
    assert not shown(client, name)
    jobs = where.store()
    jobs.engine.redis.delete(f"echocast:stream-removal:{name}")  # as a minute later
    jobs.close()
    with worker(where, FAKE_WORKER):
        eventually(lambda: left(where, name) == [])


def test_nowcasts_of_a_deleted_stream_are_cancelled(
    streams: tuple[Place, httpx.Client],
) -> None:
    where, client = streams
    others = jobs_of(where)
    declare(client, "cancelled")
    assert put(client, "cancelled", 0).status_code == 201
    processing = StreamProcessing.from_settings(where.settings, 5)
    try:
        stream = processing.stores.streams.stream("cancelled")
        (time,) = processing.requests.missing_nowcasts(stream, span_of(0))
        processing.requests.request_nowcast(stream, time, time)
        assert client.delete("/streams/cancelled").status_code == 204
        mine = jobs_of(where) - others  # of the champion and the canary
        before = [f"/nowcast/{job}" for job in mine]
        assert declare(client, "cancelled").status_code == 201
        assert put(client, "cancelled", 0).status_code == 201
        with worker(where, FAKE_WORKER):
            eventually(lambda: references(client, "cancelled") == [time_of(0)])
            eventually(lambda: not [job for job in before if status(client, job) in WAITING])
        assert [status(client, job) for job in before] == ["cancelled"] * len(before)
    finally:
        processing.close()


WAITING = ("accepted", "queued", "running")


def status(client: httpx.Client, job: str) -> str:
    return str(client.get(job).json()["status"])


def span_of(slot: int) -> Any:
    from datetime import datetime

    from echocast.workers.streams.paths import TimeSpan

    time = datetime.fromisoformat(time_of(slot))
    return TimeSpan(time, time)


def jobs_of(where: Place) -> set[str]:
    store = where.store()
    keys = {key.split(":")[2] for key in store.engine.redis.scan_iter("echocast:job:*")}
    store.close()
    return keys


def test_what_began_before_a_deletion_writes_nothing_into_the_next_stream(
    streams: tuple[Place, httpx.Client],
) -> None:
    where, client = streams
    processing = StreamProcessing.from_settings(where.settings, 5)
    try:
        store = processing.stores.streams
        declare(client, "other-generation")
        before = store.stream("other-generation")
        assert store.current(before) == before
        processing.removal.delete("other-generation")
        with pytest.raises(UnknownStream):
            store.current(before)
        declare(client, "other-generation")
        with pytest.raises(UnknownStream, match="another one"):
            store.current(before)
        assert store.stream("other-generation").generation == 1
    finally:
        processing.close()


def test_two_processes_do_not_clear_up_after_one_stream(
    streams: tuple[Place, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, client = streams
    declare(client, "two-at-once")
    monkeypatch.setattr("echocast.workers.streams.removal.PATIENCE_SECONDS", 0.1)
    processing = StreamProcessing.from_settings(where.settings, 5)
    try:
        with (
            processing.removal._turn("two-at-once"),
            pytest.raises(StreamConflict, match="try again"),
        ):
            processing.removal.delete("two-at-once")
        assert client.get("/streams/two-at-once").status_code == 200
    finally:
        processing.close()


def test_without_the_engine_nothing_is_deleted(models: Path) -> None:
    with place(models) as where, gateway(where) as gate:
        with engine(where):
            declare(gate.client, "radar")
        is_problem(gate.client.delete("/streams/radar"), 503, "engine-unreachable")
        assert gate.client.get("/streams/radar").status_code == 200


def test_an_admin_deletes_every_stream_and_others_their_own(models: Path) -> None:
    secrets, lines = {}, []
    for name, scope, options in (
        ("admin", "admin", ""),
        ("owner", "submit", "streams=north"),
        ("feeder", "submit", ""),
        ("reader", "read", "streams=north"),
        ("other", "submit", "streams=south"),
    ):
        secrets[name], line = new_key(scope, f"{name} {options}".strip())
        lines.append(line)
    with place(models) as where, engine(where), gateway(where, keys=";".join(lines)) as gate:

        def delete(name: str, who: str) -> httpx.Response:
            return gate.client.delete(f"/streams/{name}", headers={"X-API-Key": secrets[who]})

        for name in ("north", "south"):
            headers = {"X-API-Key": secrets["admin"]}
            gate.client.put(f"/streams/{name}", json={"step_minutes": 5}, headers=headers)
        for who in ("feeder", "reader", "other"):
            is_problem(delete("north", who), 403, "missing-scope")
        owner = {"X-API-Key": secrets["owner"]}
        paused = gate.client.patch("/streams/north", json={"paused": True}, headers=owner)
        assert (paused.status_code, paused.json()["paused"]) == (200, True)
        assert delete("north", "owner").status_code == 204
        assert delete("south", "admin").status_code == 204
        text = (where.data / "audit" / "audit.jsonl").read_text()
    noted = [json.loads(line) for line in text.splitlines()]
    assert [(one["what"], one["who"], one["stream"]) for one in noted[2:]] == [
        ("change-stream", "owner", "north"),
        ("delete-stream", "owner", "north"),
        ("delete-stream", "admin", "south"),
    ]
    assert noted[2]["paused"] is True


def test_a_paused_stream_refuses_frames_until_it_is_resumed(door: Any) -> None:
    client, name = door.client, "in-maintenance"
    declare(client, name)
    assert put(client, name, 0).status_code == 201
    assert client.patch(f"/streams/{name}", json={"paused": True}).json()["paused"] is True
    refused = put(client, name, 1)
    is_problem(refused, 409, "stream-paused")
    assert "echocast stream resume" in refused.json()["detail"]
    assert declare(client, name, retention_days=3).json()["paused"] is True
    assert client.get(f"/streams/{name}").json()["newest_frame"] == time_of(0)
    assert client.patch(f"/streams/{name}", json={"paused": False}).json()["paused"] is False
    assert put(client, name, 1).status_code == 201


def test_a_watched_folder_waits_while_its_stream_is_paused(door: Any, tmp_path: Path) -> None:
    from contextlib import closing

    from echocast.service.client.feed import Feeder
    from echocast.service.client.ledger import Ledger
    from echocast.service.client.watch import Watcher

    messages: list[str] = []
    (tmp_path / "incoming").mkdir()
    feeder = Feeder(door.client, "watched-and-paused", patience_seconds=5)
    feeder.declare(5)
    feeder.pause(paused=True)
    for slot in range(2):
        (tmp_path / "incoming" / f"{slot}.nc").write_bytes(frame_bytes(slot))
    with closing(Ledger(tmp_path / "ledger", tmp_path / "incoming", "x")) as ledger:
        watcher = Watcher(feeder, ledger, tmp_path / "incoming", messages.append, 0)
        assert (watcher.feed_all(), watcher.feed_all()) == (0, 0)
        assert len(messages) == 1
        assert "paused" in messages[0]
        feeder.pause(paused=False)
        assert watcher.feed_all() == 2


def test_the_command_line_pauses_resumes_and_deletes(door: Any) -> None:
    from typer.testing import CliRunner

    from echocast.service.cli.main import app

    declare(door.client, "by-command")

    def command(*words: str) -> str:
        return f"{CliRunner().invoke(app, ['stream', *words]).exit_code} "

    url = ("--url", door.url)
    assert command("pause", "by-command", *url).startswith("0 ")
    assert door.client.get("/streams/by-command").json()["paused"] is True
    assert command("resume", "by-command", *url).startswith("0 ")
    assert door.client.get("/streams/by-command").json()["paused"] is False
    assert command("delete", "by-command", *url).startswith("1 ")  # nobody said yes
    assert command("delete", "by-command", "--yes", *url).startswith("0 ")
    assert door.client.get("/streams/by-command").status_code == 404


def test_declarations_say_only_what_earlier_versions_know() -> None:
    """So that those read what this one writes, until somebody pauses or deletes."""
    plain = Stream("radar", 5.0)
    assert not {"paused", "generation"} & plain.to_json().keys()
    changed = Stream("radar", 5.0, paused=True, generation=2)
    assert Stream.from_json(changed.to_json()) == changed
    with pytest.raises(ContractViolation):
        Stream("Radar", 5.0)
