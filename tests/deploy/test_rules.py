"""Alert rules: promtool accepts them, they fire where they should, each has its paragraph."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.prometheus_files import PROMETHEUS, RUNBOOK, program, rule_tests, rules
from tests.patience import PATIENCE_SECONDS

RULES = rules()
NAMES = [rule["alert"] for rule in RULES]
REQUIRED = {
    "NoWorker",
    "QueueOld",
    "JobsFail",
    "StreamStale",
    "FrameSetAside",
    "SkillDrift",
    "BiasShift",
    "InputFault",
    "VerificationStalled",
    "SwapFailed",
    "RetrainOverdue",
    "DiskLow",
    "EngineDown",
    "TargetMissing",
}
SEVERITIES = ("page", "ticket", "info")


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", *sorted((PROMETHEUS / "rules").glob("*.yml")))


@pytest.mark.parametrize("name", [path.name for path in (PROMETHEUS / "tests").glob("*.yml")])
def test_alerts_fire_where_they_should_and_not_elsewhere(name: str) -> None:
    promtool("test", "rules", PROMETHEUS / "tests" / name)


def test_what_an_operator_must_hear_of_has_a_rule() -> None:
    assert set(NAMES) >= {f"Echocast{name}" for name in REQUIRED}
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_tested_to_fire_and_to_stay_silent(name: str) -> None:
    expected = [test for test in rule_tests() if test["alertname"] == name]
    assert [test for test in expected if test.get("exp_alerts")], "never expected to fire"
    assert [test for test in expected if not test.get("exp_alerts")], "never expected to be silent"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"deploy/runbook.md#{rule['alert'].lower()}"


def test_every_alert_has_its_paragraph_and_every_paragraph_its_alert() -> None:
    paragraphs = dict(
        re.findall(r"^### (\w+)\n\n(.+?)\n(?=\n|\Z)", RUNBOOK.read_text(), re.M | re.S)
    )
    assert list(paragraphs) == NAMES
    assert all(len(text.split()) > 30 for text in paragraphs.values())
