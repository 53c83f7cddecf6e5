"""``echocast models --history``: the story of a retraining can be read by people."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocast.model.registry.registry import Registry
from echocast.service.cli.main import app

FACTS = {
    "id": "20260601T000000Z-ab12",
    "verdict": "reject",
    "because": "The challenger is not better at 40 dBZ.",
    "champion": "tiny/1",
    "challenger": "tiny/1-r20260601",
    "missing": {},
    "sample": {"events": 4, "blocks": 12},
    "checks": {"finite": True, "better at 40 dBZ": False},
    "report": "reports/20260601T000000Z-ab12/index.html",
}


def history(data: Path, *arguments: str) -> str:
    answer = CliRunner().invoke(app, ["models", "--history", "--data", str(data), *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.fixture
def models(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_a_retraining_is_its_verdict_its_reason_and_its_report(
    models: Registry, tmp_path: Path
) -> None:
    models.record("retrain", who="trainer", why="Asked for by hand.", facts=FACTS)
    first, *below = history(tmp_path).splitlines()
    assert first.endswith("retrain  by trainer: Asked for by hand.")
    assert below == [
        "    reject: The challenger is not better at 40 dBZ.",
        f"    Report: {models.root / FACTS['report']}",
    ]
    assert json.loads(history(tmp_path, "--json"))[0]["facts"] == FACTS


def test_a_retraining_that_was_promoted_says_so_or_why_not(
    models: Registry, tmp_path: Path
) -> None:
    won = {**FACTS, "verdict": "promote"}
    models.record("retrain", who="t", why="x", facts={**won, "promoted": True})
    late = {**won, "promoted": False, "not_promoted_because": "tiny/2 serves."}
    models.record("retrain", who="t", why="x", facts=late)
    story = history(tmp_path)
    assert "    Promoted: tiny/1-r20260601\n" in story
    assert "    Not promoted: tiny/2 serves.\n" in story


def test_a_retraining_that_was_given_up_has_no_report(models: Registry, tmp_path: Path) -> None:
    facts = {"id": "a", "verdict": "failed", "attempts": 3}
    models.record("retrain", who="trainer", why="x", facts=facts)
    story = history(tmp_path)
    assert "    failed: Given up after 3 attempts.\n" in story
    assert "Report" not in story
