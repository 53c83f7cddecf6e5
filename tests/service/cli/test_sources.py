"""`echocast sources`: what there is, for people and machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocast.service.cli.main import app
from tests.service.sources.played_source import CLOCK


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def names(*words: str) -> list[str]:
    return [source["name"] for source in json.loads(run("sources", "--json", *words))]


def test_every_source_has_a_row_with_licence_and_when_it_was_tried() -> None:
    rows = {line.split()[0]: line for line in run("sources").splitlines() if line.strip()}
    assert "CC-BY-4.0" in rows["opera"]
    assert "KNMI_API_KEY" in rows["knmi"]
    assert rows["mrms"].split()[-1] == "never"


def test_sources_of_a_place() -> None:
    assert "dpc" in names("--at", "41.9,12.5")
    assert "mrms" not in names("--at", "41.9,12.5")
    assert names("--at", "35.0,-90.0") == ["mrms"]


def test_own_sources_stand_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text(CLOCK)
    monkeypatch.setenv("ECHOCAST_SOURCES_DIR", str(tmp_path))
    assert {"mine", "opera"} <= set(names())


def test_a_place_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(app, ["sources", "--at", "Rome"])
    assert done.exit_code == 2
    assert "latitude,longitude" in done.output
