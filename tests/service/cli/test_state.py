"""``echocast status``, ``streams`` and ``doctor`` beside a running service, and without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from echocast import __version__
from echocast.service.cli.doctor import Severity, of_clock, of_streams
from echocast.service.cli.main import app
from echocast.service.client.errors import FeedError
from tests.ports import free_port
from tests.service.real_processes import Gateway


def outcome_of(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


@pytest.fixture
def url(gate: Gateway) -> str:
    return str(gate.client.base_url)


@pytest.fixture
def stream(gate: Gateway) -> str:
    gate.client.put("/streams/of-status", json={"step_minutes": 5}).raise_for_status()
    return "of-status"


def test_the_status_of_a_service(url: str, stream: str) -> None:
    code, text = outcome_of("status", "--url", url)
    assert code == 0
    assert f"Echocast {__version__} at" in text
    assert "ready" in text
    assert f"{stream}  every 5 min  newest frame none" in text
    assert "Disk: At most " in text
    code, text = outcome_of("status", "--url", url, "--json")
    state = json.loads(text)
    assert (code, state["ready"], state["version"]) == (0, True, __version__)
    assert state["workers"][0]["device"] == "cpu"


def test_the_streams_of_a_service(url: str, stream: str) -> None:
    code, text = outcome_of("streams", "--url", url, "--json")
    assert code == 0
    assert stream in [view["name"] for view in json.loads(text)]


def test_what_is_wrong_with_a_service(
    gate: Gateway, url: str, stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOCAST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ECHOCAST_RETENTION", "3")
    code, text = outcome_of("doctor", "--url", url, "--json")
    findings = {(one["what"], one["level"]): one for one in json.loads(text)}
    assert code == 0
    assert "There is no setting ECHOCAST_RETENTION" in findings["settings", "warning"]["sentence"]
    assert f"{stream} has no frame yet." in findings["stream", "warning"]["sentence"]
    assert {("service", "good"), ("workers", "good"), ("disk", "good"), ("clock", "good")} <= set(
        findings
    )
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_space_and_a_place_that_nobody_may_listen_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "FREE_SPACE_FLOOR_BYTES": str(10**18),
        "HOST": "0.0.0.0",
        "FETCH_SOURCES": "oprea",
    }.items():
        monkeypatch.setenv(f"ECHOCAST_{name}", value)
    code, text = outcome_of("doctor", "--url", f"http://127.0.0.1:{free_port()}", "--json")
    bad = {one["what"]: one for one in json.loads(text) if one["level"] == "bad"}
    assert code == 1
    assert bad.keys() == {"keys", "sources", "disk", "service"}
    assert all(one["advice"] for one in bad.values())
    assert "Did you mean opera?" in bad["sources"]["sentence"]


def test_a_service_that_is_away_and_one_that_is_another() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    for command in ("status", "streams"):
        done = CliRunner().invoke(app, [command, "--url", away])
        assert isinstance(done.exception, FeedError)
        assert "No service answers at" in str(done.exception)


def view(**changes: Any) -> dict[str, Any]:
    plain = {"paused": False, "newest_frame": None, "set_aside": [], "implausible": []}
    return {"name": "home", "step_minutes": 5.0, **plain, **changes}


def test_streams_without_news_are_named() -> None:
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def level(**changes: Any) -> list[Severity]:
        return [finding.level for finding in of_streams([view(**changes)], now)]

    assert level(newest_frame=(now - timedelta(minutes=14)).isoformat()) == [Severity.GOOD]
    assert level(newest_frame=(now - timedelta(minutes=16)).isoformat()) == [Severity.WARNING]
    old = (now - timedelta(minutes=13)).isoformat()  # late where the page says so
    assert level(newest_frame=old, step_minutes=2.0) == [Severity.GOOD]
    old = (now - timedelta(minutes=80)).isoformat()
    assert level(newest_frame=old, step_minutes=30.0) == [Severity.WARNING]
    assert level(paused=True) == [Severity.GOOD]
    assert level(paused=True, set_aside=["2026-07-01T11:00Z"]) == [Severity.GOOD, Severity.WARNING]


def test_clocks_that_differ_are_named() -> None:
    assert of_clock("the service", 2).level is Severity.GOOD
    assert of_clock("the service", -90).sentence == "It is 90 s behind that of the service."


def test_what_has_no_data_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["models"], ["reindex"], ["verify-archive"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code
        assert f"no data of a service in {tmp_path}" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
