"""Rules over HTTP: each caller's own, without their secrets; and the whole way to a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from echocast.service.auth.keys import new_key
from echocast.service.client.feed import netcdf_bytes
from tests.service.bodies import NETCDF, is_problem
from tests.service.notification.receiver import receiving
from tests.service.rain.live_feed import live_frames
from tests.service.real_processes import (
    Place,
    engine,
    eventually,
    gateway,
    place,
    pretend_worker,
    start,
    stop_process,
)

ADDRESS = "jsons://me:pass-word@127.0.0.1/secret-path?+X-Token=query-secret"
RULE = {"stream": "radar", "latitude": 47.05, "longitude": 8.31, "send_to": [ADDRESS]}
SECRETS = ("pass-word", "secret-path", "query-secret")
Callers = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def keyed(models: Path) -> Iterator[tuple[Place, httpx.Client, Callers]]:
    """A gateway with keys, and a stream; two callers, one who reads, one bound, one of all."""
    asked = {
        "anna": "submit anna",
        "ben": "submit ben",
        "reader": "read reader",
        "bound": "submit bound streams=other",
        "admin": "admin root",
    }
    made = {name: new_key(*text.split(" ", 1)) for name, text in asked.items()}
    lines = ";".join(line for _, line in made.values())
    callers = {name: {"Authorization": f"Bearer {secret}"} for name, (secret, _) in made.items()}
    settings = {"notify_hosts": "127.0.0.1", "keys": lines, "log_level": "DEBUG"}
    with place(models, **settings) as where, engine(where), ExitStack() as stack:
        pretend_worker(where)
        client = stack.enter_context(gateway(where)).client
        declared = client.put("/streams/radar", json={"step_minutes": 5}, headers=callers["admin"])
        assert declared.status_code == 201
        yield where, client, callers


def test_each_caller_has_own_rules_and_nobody_sees_their_secrets(
    keyed: tuple[Place, httpx.Client, Callers],
) -> None:
    where, client, callers = keyed
    anna, ben, admin = callers["anna"], callers["ben"], callers["admin"]
    made = client.put("/rules/home", json=RULE, headers=anna)
    assert made.status_code == 201, made.text
    assert made.json()["declared"]["send_to"] == ["jsons://127.0.0.1/****"]
    assert made.json()["in_event"] is False
    assert client.put("/rules/home", json=RULE, headers=anna).status_code == 200
    shown = client.get("/rules/home", headers=anna)
    assert shown.json() == made.json()
    is_problem(client.get("/rules/home", headers=ben), 404, "unknown-rule")
    is_problem(client.delete("/rules/home", headers=ben), 404, "unknown-rule")
    is_problem(client.put("/rules/home", json=RULE, headers=ben), 409, "rule-conflict")
    assert client.get("/rules", headers=ben).json() == {"rules": []}
    for header in (anna, admin):
        assert [one["name"] for one in client.get("/rules", headers=header).json()["rules"]] == [
            "home"
        ]
    answers = made.text + shown.text + client.get("/rules", headers=admin).text
    files = [*where.data.glob("*.log"), *(where.data / "audit").glob("*")]
    logs = "".join(path.read_text() for path in files)
    assert '"put-rule"' in logs
    assert not [secret for secret in SECRETS if secret in answers + logs]
    (stored,) = (where.data / "rules").glob("*.json")
    assert ADDRESS in stored.read_text()
    assert stored.stat().st_mode & 0o077 == 0
    assert client.delete("/rules/home", headers=anna).status_code == 204
    is_problem(client.get("/rules/home", headers=anna), 404, "unknown-rule")


def test_who_may_not_make_rules(keyed: tuple[Place, httpx.Client, Callers]) -> None:
    _, client, callers = keyed
    is_problem(client.put("/rules/a", json=RULE), 401, "missing-key")
    is_problem(client.put("/rules/a", json=RULE, headers=callers["reader"]), 403, "missing-scope")
    is_problem(client.put("/rules/a", json=RULE, headers=callers["bound"]), 403, "missing-scope")
    unknown = client.put("/rules/a", json={**RULE, "stream": "none"}, headers=callers["anna"])
    is_problem(unknown, 404, "unknown-stream")


@pytest.mark.parametrize(
    "wrong",
    [
        {"send_to": ["json://elsewhere.example"]},
        {"send_to": ["syslog://"]},
        {"send_to": ["jsons://127.0.0.1/****"]},
        {"send_to": []},
        {"latitude": 91},
        {"probability": 1.5},
        {"time_zone": "Nowhere"},
        {"language": "it"},
        {"quiet_hours": {"begin": "22:00", "end": "22:00"}},
        {"quiet_hours": {"begin": "24:00"}},
        {"colour": "red"},
    ],
)
def test_rules_that_make_no_sense_are_refused(
    keyed: tuple[Place, httpx.Client, Callers], wrong: dict[str, Any]
) -> None:
    _, client, callers = keyed
    answer = client.put("/rules/a", json={**RULE, **wrong}, headers=callers["anna"])
    assert answer.status_code == 422, answer.text
    assert client.get("/rules/a", headers=callers["anna"]).status_code == 404


def test_names_differ_on_every_disk(keyed: tuple[Place, httpx.Client, Callers]) -> None:
    _, client, callers = keyed
    wrong = client.put("/rules/Home", json=RULE, headers=callers["ben"])
    is_problem(wrong, 422, "contract-violation", "name")


def feed_rain(client: httpx.Client, name: str) -> None:
    """A stream whose newest image has rain everywhere."""
    client.put(f"/streams/{name}", json={"step_minutes": 5}).raise_for_status()
    frames = live_frames(1)
    frames = frames.derived(np.full_like(frames.reflectivity_dbz, 30), list(frames.times))
    time = frames.times[0].isoformat().replace("+00:00", "Z")
    sent = client.put(
        f"/streams/{name}/frames/{time}", content=netcdf_bytes(frames), headers=NETCDF
    )
    assert sent.status_code == 201, sent.text
    where = {"lat": 50, "lon": 8}
    eventually(lambda: client.get(f"/streams/{name}/rain", params=where).status_code == 200)


def delivered(view: dict[str, Any]) -> bool:
    """Whether the event is known to be reported: it is written down after the message was sent."""
    return bool(view["in_event"]) and view["undelivered"] == 0


def test_a_rule_of_a_live_stream_sends_a_message(home: Place) -> None:
    """Gateway, worker and ``echocast notify`` as processes, until the message arrives."""
    with (
        receiving() as receiver,
        gateway(home, notify_hosts="127.0.0.1") as gate,
    ):
        feed_rain(gate.client, "rules")
        to = f"json://127.0.0.1:{receiver.port}/hook"
        rule = {"latitude": 50, "longitude": 8, "stream": "rules", "send_to": [to]}
        gate.client.put("/rules/home", json=rule).raise_for_status()
        settings = {"notify_seconds": "0.2", "notify_service_url": gate.url}
        module = "echocast.service.processes.notifier"
        process = start(module, home, notify_hosts="127.0.0.1", **settings)
        try:
            eventually(lambda: len(receiver.messages) == 1)
            eventually(lambda: delivered(gate.client.get("/rules/home").json()))
        finally:
            stop_process(process)
        assert receiver.texts[0].startswith("Rain now")
        known = gate.client.get("/rules/home").json()["known_at"]
        again = start(module, home, notify_hosts="127.0.0.1", **settings)
        try:
            eventually(lambda: gate.client.get("/rules/home").json()["known_at"] != known)
        finally:
            stop_process(again)
        assert len(receiver.messages) == 1
