"""Who may do what, and what is refused to start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echocast.service.auth.key_ring import KeyRing, load_keys
from echocast.service.auth.keys import Key, new_key
from echocast.service.auth.rate_limit import RateLimit
from echocast.service.errors import MissingKey, MissingScope, RateExceeded, StartRefused
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.refusal import REFUSED
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, is_problem, netcdf
from tests.service.real_processes import Gateway, engine, gateway, place, pretend_worker

SECRETS = {scope: new_key(scope, scope) for scope in ("read", "submit", "admin")}
SECRETS |= {name: new_key("submit", name) for name in ("one", "other", "eager")}
STORED = ";".join(line for _, line in SECRETS.values())


@pytest.fixture(scope="module")
def locked(models: Path) -> Iterator[Gateway]:
    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, keys=STORED, rate_per_minute="3") as gate:
            yield gate


def bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[scope][0]}"}


def test_without_a_key_only_health_answers(locked: Gateway) -> None:
    for path in ("/models", "/metrics", "/nowcast/x", "/nowcast/x/forecast"):
        answer = locked.client.get(path)
        is_problem(answer, 401, "missing-key")
        for way in ("Authorization: Bearer", "X-API-Key", "ECHOCAST_KEY", "--key-file"):
            assert way in answer.json()["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert locked.client.get("/healthz").status_code == 200
    assert locked.client.get("/readyz").status_code == 200


def test_wrong_keys_are_refused(locked: Gateway) -> None:
    wrong: list[Any] = [
        {"X-API-Key": "guess"},
        {"X-API-Key": b"\xff\xfe"},
        {"Authorization": "Bearer guess"},
    ]
    for headers in wrong:
        answer = locked.client.get("/models", headers=headers)
        is_problem(answer, 401, "missing-key")
        assert "none of this service's" in answer.json()["detail"]
        assert "guess" not in answer.text
    basic = locked.client.get("/models", headers={"Authorization": "Basic eDp5"})
    is_problem(basic, 401, "missing-key")
    assert "none was sent" in basic.json()["detail"]


def test_both_headers_carry_a_key(locked: Gateway) -> None:
    assert locked.client.get("/models", headers=bearer("read")).status_code == 200
    key = {"X-API-Key": SECRETS["read"][0]}
    assert locked.client.get("/models", headers=key).status_code == 200


def test_reading_does_not_cover_submitting(locked: Gateway) -> None:
    headers = {**NETCDF, **bearer("read")}
    is_problem(
        locked.client.post("/nowcast", content=netcdf(), headers=headers), 403, "missing-scope"
    )
    is_problem(locked.client.delete("/nowcast/x", headers=headers), 403, "missing-scope")


def test_submissions_are_limited_by_the_minute(locked: Gateway) -> None:
    headers = {**NETCDF, **bearer("submit")}
    answers = [locked.client.post("/nowcast", content=netcdf(), headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [202] * 3
    is_problem(answers[3], 429, "rate-exceeded")
    assert "retry-after" in answers[3].headers
    admin = locked.client.post("/nowcast", content=netcdf(), headers={**NETCDF, **bearer("admin")})
    assert admin.status_code == 202


def test_observations_count_as_submissions(locked: Gateway) -> None:
    headers = {**NETCDF, **bearer("eager")}
    path = f"/nowcast/{'0' * 32}/observations"
    answers = [locked.client.post(path, content=netcdf(), headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]


def test_callers_do_not_share_idempotency_keys_or_the_right_to_cancel(locked: Gateway) -> None:
    named = {"Idempotency-Key": "my first"}
    one, other = ({**NETCDF, **bearer(name)} for name in ("one", "other"))
    path = "/nowcast"
    theirs = locked.client.post(path, content=netcdf(seed=5), headers={**one, **named})
    ours = locked.client.post(path, content=netcdf(seed=6), headers={**other, **named})
    assert [theirs.status_code, ours.status_code] == [202, 202]
    location = ours.headers["location"]
    shared = locked.client.post(path, content=netcdf(seed=6), headers=one)
    assert shared.headers["location"] == location
    for _ in range(2):
        assert locked.client.delete(location, headers=one).json()["status"] == "queued"
    assert locked.client.delete(location, headers=other).json()["status"] == "cancelled"


def test_no_origin_is_invited(locked: Gateway) -> None:
    answer = locked.client.get("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_public_address_without_keys_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "echocast.service.cli.main",
            "gateway",
            "--host",
            "0.0.0.0",
            "--port",
            "0",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        cwd=tmp_path,
    )
    assert done.returncode == REFUSED
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert [*tmp_path.iterdir()] == [], "not even a data folder"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    assert not load_keys(ServiceSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_addresses_need_keys(host: str) -> None:
    with pytest.raises(StartRefused):
        load_keys(ServiceSettings(host=host))
    assert load_keys(ServiceSettings(host=host, keys=STORED))


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# ours\n{SECRETS['read'][1]}  # the page\n\n")
    ring = load_keys(ServiceSettings(keys_file=path))
    assert [key.name for key in ring.keys] == ["read"]
    with pytest.raises(StartRefused):
        load_keys(ServiceSettings(keys_file=tmp_path / "none"))


@pytest.mark.parametrize("line", ["secret read me", "0" * 64, f"{'0' * 64} write x"])
def test_malformed_keys_are_refused(line: str) -> None:
    with pytest.raises(StartRefused):
        Key.parse(line)


@pytest.mark.parametrize("between", [",", "\n"])
def test_keys_that_are_parted_otherwise_are_refused(between: str) -> None:
    lines = [new_key("read", "a")[1], new_key("submit", "b")[1]]
    with pytest.raises(StartRefused, match="separated by ';'"):
        load_keys(ServiceSettings(keys=between.join(lines)))
    assert load_keys(ServiceSettings(keys=";".join(lines)))


def test_scopes_include_those_below() -> None:
    ring = KeyRing(Key.parse(line) for _, line in SECRETS.values())
    assert ring.check(SECRETS["admin"][0], "submit")
    with pytest.raises(MissingScope):
        ring.check(SECRETS["submit"][0], "admin")
    with pytest.raises(MissingKey):
        ring.check(None, "read")


def test_a_bucket_fills_again() -> None:
    now = 0.0
    limit = RateLimit(2, clock=lambda: now)
    limit.take("a")
    limit.take("a")
    with pytest.raises(RateExceeded):
        limit.take("a")
    limit.take("b")
    now = 30.0
    limit.take("a")


@pytest.mark.parametrize(
    ("options", "own_jobs", "streams", "weight"),
    [
        ("", False, None, 1.0),
        ("jobs=own", True, None, 1.0),
        ("streams=north,south weight=2.5", False, {"north", "south"}, 2.5),
        ("streams=", False, set(), 1.0),
    ],
)
def test_options_follow_the_name(
    options: str, own_jobs: bool, streams: set[str] | None, weight: float
) -> None:
    key = Key.parse(f"{'0' * 64} read the map room {options}")
    assert key.name == "the map room"
    assert (key.own_jobs, key.streams, key.weight) == (own_jobs, streams, weight)


@pytest.mark.parametrize(
    "option",
    ["jobs=mine", "weight=0", "weight=x", "weight=1e9", "expires=soon", "job=own", "stream=north"],
)
def test_an_option_that_means_nothing_is_refused(option: str) -> None:
    with pytest.raises(StartRefused, match=option.partition("=")[0]):
        Key.parse(f"{'0' * 64} read me {option}")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a;b", "a # b", "a\nb", "a\0b", "\udc80", "x" * 101, "jobs=own", "a=b", "f" * 64],
)
def test_a_name_that_could_not_be_stored_is_refused(name: str) -> None:
    with pytest.raises(StartRefused):
        new_key("read", name)


@pytest.mark.parametrize("name", ["Müller, radar room", "天気", "a b  c", "x" * 100])
def test_any_other_name_is_read_back(name: str) -> None:
    (key,) = load_keys(ServiceSettings(keys=new_key("read", name)[1])).keys
    assert key.name == " ".join(name.split())


BOUND = {
    name: new_key(scope, f"{name} {options}")
    for name, scope, options in (
        ("anna", "submit", "jobs=own streams=north"),
        ("ben", "submit", "jobs=own"),
        ("carl", "submit", ""),
        ("root", "admin", ""),
    )
}


@pytest.fixture(scope="module")
def bound(models: Path) -> Iterator[Gateway]:
    with place(models) as where, engine(where):
        pretend_worker(where)
        with gateway(where, keys=";".join(line for _, line in BOUND.values())) as gate:
            yield gate


def by(name: str) -> dict[str, str]:
    return {"X-API-Key": BOUND[name][0]}


def test_a_bound_key_sees_only_its_own_jobs(bound: Gateway) -> None:
    sent = bound.client.post("/nowcast", content=netcdf(seed=21), headers={**NETCDF, **by("ben")})
    job = sent.headers["location"]
    assert bound.client.get(job, headers=by("ben")).status_code == 200
    assert bound.client.get(job, headers=by("carl")).status_code == 200  # bound to nothing
    for answer in (
        bound.client.get(job, headers=by("anna")),
        bound.client.get(f"{job}/forecast", headers=by("anna")),
        bound.client.get(f"{job}/verification", headers=by("anna")),
        bound.client.delete(job, headers=by("anna")),
        bound.client.post(
            f"{job}/observations", content=netcdf(), headers={**NETCDF, **by("anna")}
        ),
    ):
        is_problem(answer, 404, "unknown-job")
    again = bound.client.post("/nowcast", content=netcdf(seed=21), headers={**NETCDF, **by("anna")})
    assert again.headers["location"] == job
    assert bound.client.get(job, headers=by("anna")).status_code == 200


def test_an_admin_may_cancel_anything(bound: Gateway) -> None:
    sent = bound.client.post("/nowcast", content=netcdf(seed=22), headers={**NETCDF, **by("ben")})
    job = sent.headers["location"]
    assert bound.client.delete(job, headers=by("carl")).json()["status"] == "queued"
    assert bound.client.delete(job, headers=by("root")).json()["status"] == "cancelled"


def test_a_bound_key_uses_only_its_streams(bound: Gateway) -> None:
    body = {"step_minutes": 5}
    for name in ("north", "south"):
        declared = bound.client.put(f"/streams/{name}", json=body, headers=by("carl"))
        assert declared.status_code == 201
    assert bound.client.get("/streams/north", headers=by("anna")).status_code == 200
    is_problem(bound.client.get("/streams/south", headers=by("anna")), 404, "unknown-stream")
    is_problem(
        bound.client.put("/streams/south", json=body, headers=by("anna")), 403, "missing-scope"
    )
    names = bound.client.get("/streams", headers=by("anna")).json()["streams"]
    assert [stream["name"] for stream in names] == ["north"]
    assert len(bound.client.get("/streams", headers=by("carl")).json()["streams"]) == 2
