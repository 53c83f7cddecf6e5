"""A rolling restart: workers of this version go on with what the version before left.

The folder ``version_before`` was written by commit 2828b31, which ran :func:`fill` of its own: the
keys of the engine as JSON, and the archive. Three jobs: one forecast and scored, to which another
observation came; one that a worker had claimed; one that waits.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.formats.forecast_reader import read_methods
from echocast.workers.archive.store_identity import check_same_store, check_same_streams
from echocast.workers.jobs.queue import NOWCAST, STREAM
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.retraining.requests import RetrainingRequests, request_retraining
from tests.workers.conftest import World, until
from tests.workers.storms import storm

BEFORE = Path(__file__).parent / "version_before"
DASHBOARD = {"caller": "dashboard", "idempotency_key": "k", "body_sha": "x" * 64}
TIMES = ("created", "started", "finished", "deadline")
PASSING = ("echocast:janitor",)  # gone within a second
ADDED_FIELDS = ("account", "turn")  # of a job
ALIVE_SECONDS = 3600  # of the worker before, whose lease lapses at once


def snapshot(redis: Any) -> dict[str, dict[str, Any]]:
    """Every key of the engine with its type, value and time to live."""
    read = {
        "hash": redis.hgetall,
        "string": redis.get,
        "set": lambda key: sorted(redis.smembers(key)),
        "list": lambda key: redis.lrange(key, 0, -1),
        "zset": lambda key: dict(redis.zrange(key, 0, -1, withscores=True)),
    }
    types = {key: redis.type(key) for key in redis.scan_iter("*") if key not in PASSING}
    return {
        key: {"type": kind, "value": read[kind](key), "ttl": redis.ttl(key)}
        for key, kind in types.items()
    }


def fill(world: World) -> None:
    """What the recording holds, by the code of this version."""
    redis = world.jobs.engine.redis
    check_same_store(world.jobs.engine, world.archive)
    check_same_streams(world.jobs.engine, None)
    worker = world.start_worker()
    observed = world.archive.put_frames(storm(1, frames=4, first=10, size=8))
    finished = world.submit(storm(1, size=8), observation_sha=observed).job.id
    assert world.end_of(finished).status == "succeeded"
    worker.terminate()
    worker.wait()
    claimed = world.submit(storm(2, size=8)).job.id
    world.claims.claim(claimed, "old-host-1:1", "old-host-1", alone=False)
    redis.rpop(NOWCAST)
    world.submit(storm(3, size=8), **DASHBOARD)
    late = world.archive.put_frames(storm(4, frames=2, first=14, size=8))
    world.jobs.add_observations(finished, late)
    request_retraining(world.jobs.engine, "skill drift of the stream radar")
    world.jobs.publisher.publish(STREAM, "radar/20260701T1245Z")
    started = datetime(2026, 7, 1, tzinfo=UTC)
    world.claims.beat(WorkerInfo("old-host-1", "old-host", 1, "cpu", ("fake/1",), started))


def restore(redis: Any, recorded: dict[str, Any]) -> None:
    """Write the recorded keys into an engine, as if they had been written just now."""
    later = redis.time()[0] - recorded["time"]
    for key, entry in recorded["keys"].items():
        value = entry["value"]
        if entry["type"] == "hash":
            redis.hset(key, mapping=shifted(key, value, later))
        elif entry["type"] == "zset":
            redis.zadd(key, {name: score + later for name, score in value.items()})
        elif entry["type"] == "string":
            redis.set(key, value)
        elif entry["type"] == "set":
            redis.sadd(key, *value)
        else:
            redis.rpush(key, *value)
        if entry["ttl"] > 0:
            redis.expire(key, entry["ttl"])


def shifted(key: str, values: dict[str, str], later: float) -> dict[str, str]:
    """The fields of a hash with later times."""
    if key == "echocast:workers":
        beats = {name: beat.split(" ", 1) for name, beat in values.items()}
        return {
            name: f"{float(end) + later + ALIVE_SECONDS:.6f} {text}"
            for name, (end, text) in beats.items()
        }
    times = {name: f"{float(values[name]) + later:.6f}" for name in TIMES if name in values}
    return {**values, **times} if key.startswith("echocast:job:") else values


NEW_KEYS = {"echocast:time", "echocast:order", "echocast:turns", "echocast:turn"}


def comparable(keys: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Keys without what differs from run to run: times, tokens, names of processes."""
    return {
        key: (entry["type"], round(entry["ttl"] / 3600), comparable_value(key, entry["value"]))
        for key, entry in keys.items()
        if not key.startswith("_kombu")
    }


def comparable_value(key: str, value: Any) -> Any:
    if key.startswith("echocast:job:"):
        return comparable_job(value)
    if key.startswith("echocast."):
        return [comparable_message(message) for message in value]
    if key in ("echocast:waiting", "echocast:running", "echocast:verifying"):
        return sorted(value)
    if key == "echocast:workers":
        return {name: json.loads(beat.split(" ", 1)[1]) for name, beat in value.items()}
    if key == "echocast:retraining":
        request = json.loads(value["wanted"])
        return {**value, "wanted": {**request, "id": len(request["id"]), "time": ""}}
    return len(value) if key == "echocast:store" else value


def comparable_job(values: dict[str, str]) -> dict[str, Any]:
    result = json.loads(values.get("result", "{}"))
    timings = sorted(result.pop("timings", ()))
    result.pop("lead_sources", None)  # which the version before passes over
    if "forecast_path" in result:
        result["forecast_path"] = without_digest(result["forecast_path"])
    random = {name: "" for name in (*TIMES, "token") if name in values}
    named = {"incarnation": bool(values.get("incarnation"))}
    known = {name: value for name, value in values.items() if name not in ADDED_FIELDS}
    return {**known, **random, **named, "result": result, "timings": timings}


def without_digest(forecast_path: str) -> str:
    """The path as the version before named it, without size and hash."""
    return re.sub(r"_\d+-[0-9a-f]{64}", "", forecast_path)


def comparable_message(text: str) -> dict[str, Any]:
    """What Celery acts on: the task, its id and arguments, and the queue."""
    message: dict[str, Any] = json.loads(text)
    encoding = {name: message[name] for name in ("body", "content-encoding", "content-type")}
    headers = {name: message["headers"][name] for name in ("task", "id", "eta", "expires")}
    properties = message["properties"]
    place = {name: properties[name] for name in ("delivery_info", "body_encoding", "priority")}
    return {**encoding, **headers, **place}


def recording() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((BEFORE / "engine.json").read_text())
    return recorded


def job_ids() -> list[str]:
    return [key.split(":")[2] for key in recording()["keys"] if key.startswith("echocast:job:")]


def test_a_worker_goes_on_with_what_the_version_before_left(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    shutil.copytree(BEFORE / "store", world.settings.archive_root, dirs_exist_ok=True)
    restore(world.jobs.engine.redis, recording())
    before = {job_id: world.jobs.get(job_id) for job_id in job_ids()}
    assert sorted(job.status for job in before.values()) == ["queued", "running", "succeeded"]
    assert {worker.incarnation for worker in world.jobs.alive_workers()} == {"old-host-1"}
    world.start_worker()
    for job_id, job in before.items():
        after = world.end_of(job_id)
        assert after.status == "succeeded"
        assert after.attempts == {"queued": 1, "running": 2, "succeeded": 1}[job.status]
        assert world.archive.files.local(after.forecast_path)
    until(lambda: not any(world.jobs.get(job_id).awaits_verification for job_id in before))
    pending = RetrainingRequests(world.jobs.engine).pending()
    assert pending
    assert (pending[0].why, pending[1]) == ("skill drift of the stream radar", 0)
    again = world.submit(storm(3, size=8), **DASHBOARD)
    assert not again.created


def test_this_version_writes_the_keys_and_messages_of_the_version_before(world: World) -> None:
    fill(world)
    ours, theirs = comparable(snapshot(world.jobs.engine.redis)), comparable(recording()["keys"])
    assert ours.keys() - NEW_KEYS == theirs.keys()
    for key, entry in theirs.items():
        assert ours[key] == entry, key


def test_an_archive_of_the_version_before_is_read(make_world: Callable[..., World]) -> None:
    world = make_world()
    shutil.copytree(BEFORE / "store", world.settings.archive_root, dirs_exist_ok=True)
    frames = storm(1, size=8)
    loaded = world.archive.load_frames(frames.sha256())
    np.testing.assert_array_equal(loaded.reflectivity_dbz, frames.reflectivity_dbz)
    assert loaded.times == frames.times
    (path,) = (BEFORE / "store").rglob("*.nc")
    relative = str(path.relative_to(BEFORE / "store"))
    forecast = read_methods(world.archive.files.local(relative))
    assert forecast.grid.same_as(frames.grid)
    world.start_worker()
    made_again = world.end_of(world.submit(frames).job.id).forecast_path
    assert without_digest(made_again) == relative
