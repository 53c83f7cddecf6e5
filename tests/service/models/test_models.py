"""Models over HTTP and on the command line: who may change what serves, and what is told of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echocast.model.registry.manifest import amend
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry
from echocast.service.auth.keys import new_key
from tests.patience import PATIENCE_SECONDS
from tests.service import command_line
from tests.service.bodies import NETCDF, WAIT, is_problem, netcdf
from tests.service.real_processes import (
    Gateway,
    Place,
    engine,
    eventually,
    gateway,
    place,
    pretend_worker,
    worker,
)

SECRETS = {scope: new_key(scope, f"the {scope} key") for scope in ("read", "submit", "admin")}
KEYS = ";".join(line for _, line in SECRETS.values())
WHY = {"why": "It was better on last week's rain."}


GATE = {
    "verdict": "reject",
    "why": "It is not better at 40 dBZ.",
    "report": "reports/r1/index.html",
}


def bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[scope][0]}"}


def with_another(models: Path, root: Path) -> Path:
    """A registry of the tiny champion, and another version of it."""
    shutil.copytree(models, root)
    registry = Registry(root)
    staged = registry.stage("tiny")
    shutil.copytree(models / "tiny" / "1", staged, dirs_exist_ok=True)
    registry.publish(staged, "tiny", "2")
    return root


@contextmanager
def service(root: Path) -> Iterator[Gateway]:
    """A gateway with keys, before a registry."""
    with place(root) as where, engine(where):
        pretend_worker(where)
        with gateway(where, keys=KEYS) as gate:
            yield gate


@pytest.fixture
def two_models(models: Path, tmp_path: Path) -> Path:
    return with_another(models, tmp_path / "models")


@pytest.fixture
def locked(two_models: Path) -> Iterator[Gateway]:
    with service(two_models) as gate:
        yield gate


@pytest.fixture(scope="module")
def unchanged(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One service for all that is refused."""
    root = with_another(models, tmp_path_factory.mktemp("two") / "models")
    damaged = shutil.copytree(root / "tiny" / "2", root / "tiny" / "3") / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with service(root) as gate:
        yield gate


def test_only_an_admin_may_change_what_serves(unchanged: Gateway) -> None:
    for path in ("/models/tiny/2/promote", "/models/rollback"):
        is_problem(unchanged.client.post(path, json=WHY), 401, "missing-key")
        for scope in ("read", "submit"):
            answer = unchanged.client.post(path, json=WHY, headers=bearer(scope))
            is_problem(answer, 403, "missing-scope")
    assert unchanged.client.get("/models/history", headers=bearer("read")).json()["entries"] == []


def test_the_story_of_a_promotion_and_its_rollback_can_be_read(locked: Gateway) -> None:
    client, admin, read = locked.client, bearer("admin"), bearer("read")
    before = datetime.now(UTC)
    body = {**WHY, "scores": {"paired_skill": 0.08}, "expected": "tiny/1"}
    promoted = client.post("/models/tiny/2/promote", json=body, headers=admin).json()
    assert promoted["who"] == "the admin key"
    assert promoted["facts"]["changed"]["champion"] == {"from": "tiny/1", "to": "tiny/2"}
    listed = client.get("/models", headers=read).json()
    assert listed["aliases"] == {"champion": "tiny/2", "previous": "tiny/1"}
    assert listed["history"] == [promoted]

    back = client.post("/models/rollback", json={"why": "It missed a storm."}, headers=admin)
    assert back.json()["aliases"] == {"champion": "tiny/1"}
    story = client.get("/models/history", headers=read).json()
    assert [entry["what"] for entry in story["entries"]] == ["rollback", "promote"]
    assert story["serving"] is None

    def served(at: datetime) -> Any:
        return client.get("/models/history", params={"at": at.isoformat()}, headers=read)

    first, last = (datetime.fromisoformat(entry["time"]) for entry in story["entries"][::-1])
    assert served(first).json()["serving"]["version"] == "2"
    assert [e["what"] for e in served(first).json()["entries"]] == ["promote"]
    assert served(last).json()["serving"]["version"] == "1"
    is_problem(served(before - timedelta(hours=1)), 404, "unknown-model")

    text = client.get("/metrics", headers=read).text
    assert 'echocast_registry_champion_since_timestamp_seconds{name="tiny",version="1"}' in text
    assert 'echocast_registry_history_entries{what="promote"} 1.0' in text


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/models/tiny/9/promote", WHY, 404, "unknown-model"),
        ("/models/..%2Ftiny/1/promote", WHY, 404, "not-found"),
        ("/models/tiny/1/promote", WHY, 409, "registry-conflict"),
        ("/models/tiny/2/promote", {**WHY, "expected": "tiny/7"}, 409, "registry-conflict"),
        ("/models/rollback", WHY, 409, "registry-conflict"),
        ("/models/tiny/2/promote", {}, 422, "invalid-parameter"),
        ("/models/tiny/2/promote", {**WHY, "who": "me"}, 422, "invalid-parameter"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    unchanged: Gateway, path: str, body: dict[str, Any], status: int, slug: str
) -> None:
    is_problem(unchanged.client.post(path, json=body, headers=bearer("admin")), status, slug)
    listed = unchanged.client.get("/models", headers=bearer("read")).json()
    assert listed["aliases"] == {"champion": "tiny/1"}
    assert listed["history"] == []


def test_a_dry_run_says_what_would_be_and_changes_nothing(unchanged: Gateway) -> None:
    def tried(version: str) -> Any:
        path = f"/models/tiny/{version}/promote?dry_run=true"
        return unchanged.client.post(path, json=WHY, headers=bearer("admin"))

    entry = tried("2").json()
    assert entry["aliases"]["champion"] == "tiny/2"
    assert entry["facts"]["changed"]["champion"] == {"from": "tiny/1", "to": "tiny/2"}
    is_problem(tried("1"), 409, "registry-conflict")
    is_problem(tried("3"), 409, "registry-conflict")
    listed = unchanged.client.get("/models", headers=bearer("read")).json()
    assert (listed["aliases"], listed["history"]) == ({"champion": "tiny/1"}, [])
    assert listed["version"] == "0"


def test_a_rollback_is_first_tried_like_a_promotion(locked: Gateway) -> None:
    client, admin = locked.client, bearer("admin")

    def rolled_back(query: str) -> Any:
        return client.post(f"/models/rollback{query}", json=WHY, headers=admin)

    is_problem(rolled_back("?dry_run=true"), 409, "registry-conflict")
    client.post("/models/tiny/2/promote", json=WHY, headers=admin)
    tried = rolled_back("?dry_run=true").json()
    assert (tried["what"], tried["aliases"]["champion"]) == ("rollback", "tiny/1")
    assert client.get("/models", headers=admin).json()["aliases"]["champion"] == "tiny/2"
    assert rolled_back("").json()["aliases"] == tried["aliases"]


def rejected(root: Path) -> Path:
    """Two models, of which a retraining rejected the second."""
    amend(root / "tiny" / "2", {"gate": GATE})
    return root


def tiny(client: Any) -> dict[str, Any]:
    """What is listed of each version of the tiny model."""
    models = client.get("/models").json()["models"]
    return {model["version"]: model for model in models if model["name"] == "tiny"}


def test_a_rejected_model_serves_only_despite_the_gate_and_all_records_say_why(
    two_models: Path,
) -> None:
    path = "/models/tiny/2/promote"
    with place(rejected(two_models)) as where, engine(where):
        pretend_worker(where)
        with gateway(where) as gate:
            client = gate.client
            refused = client.post(path, json=WHY)
            is_problem(refused, 409, "registry-conflict")
            for words in (GATE["why"], GATE["report"], "--despite-gate", "despite_gate"):
                assert words in refused.json()["detail"]
            assert tiny(client)["2"]["gate"] == {**GATE, "despite_gate": None}
            entry = client.post(path, json={**WHY, "despite_gate": True}).json()
            listed = tiny(client)
        audit = json.loads((where.data / "audit" / "audit.jsonl").read_text())
    assert entry["facts"]["despite_gate"] == GATE
    assert listed["1"]["gate"] is None
    assert listed["2"]["gate"]["despite_gate"] == {
        "time": entry["time"],
        "who": "this machine",
        "why": WHY["why"],
    }
    assert (audit["why"], audit["despite_gate"]) == (WHY["why"], GATE)


def test_the_command_line_shows_the_verdict_and_promotes_despite_it(two_models: Path) -> None:
    with place(rejected(two_models)) as where:
        shown = echocast(where, "models").stdout
        assert f"reject: {GATE['why']}" in shown
        assert f"Report: {two_models / GATE['report']}" in shown
        arguments = ("promote", "tiny/2", "--why", "Our own gauges say so.")
        assert "--despite-gate" in echocast(where, *arguments).stderr
        assert "champion: tiny/1 -> tiny/2" in echocast(where, *arguments, "--despite-gate").stdout
        assert "despite the gate by" in echocast(where, "models").stdout
        tried = echocast(where, "rollback", "--why", "x", "--dry-run").stdout
        assert "champion: tiny/2 -> tiny/1" in tried
        assert "tiny/2" in echocast(where, "models", "--at", datetime.now(UTC).isoformat()).stdout


def test_a_promotion_may_rest_on_one_version_of_the_history(locked: Gateway) -> None:
    client, admin = locked.client, bearer("admin")

    def version() -> str:
        return str(client.get("/models/history", headers=admin).json()["version"])

    def promote(model: str, match: str) -> Any:
        headers = {**admin, "If-Match": match}
        return client.post(f"/models/tiny/{model}/promote", json=WHY, headers=headers)

    first = version()
    assert client.get("/models", headers=admin).json()["version"] == first
    assert promote("2", f'"{first}"').status_code == 200
    assert version() > first
    for stale in (f'"{first}"', "nonsense", ""):
        is_problem(promote("1", stale), 412, "registry-changed")
    assert promote("1", f'"{version()}"').status_code == 200
    assert promote("2", "*").status_code == 200


def test_a_damaged_model_is_not_promoted(unchanged: Gateway) -> None:
    answer = unchanged.client.post("/models/tiny/3/promote", json=WHY, headers=bearer("admin"))
    is_problem(answer, 409, "registry-conflict")
    assert "one of them was changed" in answer.json()["detail"]


@pytest.fixture
def home(two_models: Path) -> Iterator[tuple[Place, Gateway]]:
    with (
        place(two_models, models_watch_seconds="0.2", worker_metrics_port="0") as where,
        engine(where),
        worker(where),
        gateway(where) as gate,
    ):
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield where, gate


def test_the_next_nowcast_is_answered_by_the_promoted_model(home: tuple[Place, Gateway]) -> None:
    where, gate = home

    def answer(seed: int) -> dict[str, Any]:
        body = netcdf(seed=seed)
        job = gate.client.post("/nowcast", content=body, headers={**NETCDF, **WAIT}).json()
        assert job["status"] == "succeeded"
        return dict(job["model"])

    assert answer(1)["version"] == "1"
    done = echocast(where, "promote", "tiny/2", "--why", "It is better.", "--json")
    entry = json.loads(done.stdout)
    assert (entry["what"], entry["aliases"]["champion"]) == ("promote", "tiny/2")
    assert answer(2)["version"] == "2"
    assert answer(1)["version"] == "2"  # another model's forecast is another forecast
    assert gate.client.post("/models/rollback", json=WHY).json()["who"] == "this machine"
    assert answer(3)["version"] == "1"
    story = echocast(where, "models", "--history").stdout.splitlines()
    assert [line.split()[2] for line in story] == ["promote", "rollback"]
    assert "champion: tiny/1 -> tiny/2" in story[0]
    assert "It is better." in story[0]
    audit = (where.data / "audit" / "audit.jsonl").read_text().splitlines()
    by_command, by_request = map(json.loads, audit)
    assert (by_command["what"], by_command["why"]) == ("promote-model", "It is better.")
    assert (by_request["what"], by_request["who"]) == ("roll-back-model", "this machine")
    assert by_request["changed"]["champion"] == {"from": "tiny/2", "to": "tiny/1"}


def echocast(where: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command says of a place and how it ends."""
    ours = {k: v for k, v in where.environment.items() if k.startswith("ECHOCAST_")}
    return command_line.echocast(*arguments, **ours)


def test_the_command_line_shows_models_and_what_served(two_models: Path) -> None:
    with place(two_models) as where:
        assert "tiny/1" in echocast(where, "models").stdout
        listed = json.loads(echocast(where, "models", "--json").stdout)
        assert listed["aliases"] == {"champion": "tiny/1"}
        tried = echocast(where, "promote", "tiny/2", "--why", "It is better.", "--dry-run")
        assert "champion: tiny/1 -> tiny/2" in tried.stdout
        assert "tiny/2" not in echocast(where, "models", "--history").stdout
        echocast(where, "promote", "tiny/2", "--why", "It is better.")
        now = datetime.now(UTC).isoformat()
        assert echocast(where, "models", "--at", now).stdout == "tiny/2\n"
        assert "champion: tiny/2 -> tiny/1" in echocast(where, "rollback", "--why", "Worse.").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("promote", "tiny/9", "--why", "x"), "no model 'tiny/9'"),
        (("promote", "tiny/1", "--why", "x"), "champion already"),
        (("promote", "tiny/2", "--why", "x", "--expected", "tiny/3"), "not tiny/3"),
        (("rollback", "--why", "x"), "no previous model"),
        (("models", "--at", "2020-01-01"), "history begins later"),
    ],
)
def test_a_refusal_is_one_sentence(
    two_models: Path, arguments: tuple[str, ...], reason: str
) -> None:
    with place(two_models) as where:
        done = echocast(where, *arguments)
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_time_that_is_none_is_named(two_models: Path) -> None:
    with place(two_models) as where:
        done = echocast(where, "models", "--at", "yesterday")
    assert done.returncode == 2
    assert "not 'yesterday'" in done.stderr


def test_a_fresh_data_directory_begins_with_the_shipped_models(two_models: Path) -> None:
    with place(two_models) as where:
        environment = {k: v for k, v in where.environment.items() if k != "ECHOCAST_MODELS_DIR"}
        fresh = Place(where.data, environment)
        assert "radar-small" in echocast(fresh, "models").stdout
        assert not (where.data / "models").exists()  # looking changes nothing
        with engine(fresh), gateway(fresh) as gate:
            listed = gate.client.get("/models").json()
    assert listed["aliases"].keys() == {"champion", "canary"}
    assert [entry["what"] for entry in listed["history"]] == ["start"]


def test_the_command_line_finds_the_models_of_a_data_directory(tmp_path: Path) -> None:
    there = {**os.environ, "ECHOCAST_DATA_DIR": str(tmp_path / "elsewhere")}
    (tmp_path / "ours").mkdir()
    command = [sys.executable, "-m", "echocast.service.cli.main"]
    shipped = RegistryReader().reference("champion")
    for arguments, known in (
        (["promote", shipped, "--why", "Again.", "--data", str(tmp_path / "ours")], "already"),
        (["models", "--history", "--data", str(tmp_path / "ours")], "start"),
    ):
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env=there,
        )
        assert known in done.stdout + done.stderr
    assert (tmp_path / "ours" / "models" / "history").exists()
    assert not (tmp_path / "elsewhere").exists()
