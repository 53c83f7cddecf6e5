"""Alert rules: promtool accepts them, they fire where they should, each has its paragraph.

Each rule has four tests: a quiet month, the day of the installation and a replay, in which nobody
is called, and its fault, of which somebody hears in time.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from echocast.service.page.runbook import runbook_page
from tests.deploy.dashboard_files import family, names_in
from tests.deploy.prometheus_files import PROMETHEUS, RUNBOOK, program, rule_tests, rules
from tests.patience import PATIENCE_SECONDS

RULES = rules()
NAMES = [rule["alert"] for rule in RULES]
REQUIRED = {
    "NoWorker",
    "QueueOld",
    "JobsFail",
    "StreamStale",
    "SourceStale",
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
IN_TIME_MINUTES = {"page": 15, "ticket": 180, "info": 180}  # from no alarm to the alarm, at most
RUNBOOK_URL = "{{ $externalLabels.echocast_url }}/docs/runbook"
QUIET = {"quiet_month": "30d", "first_day": "1d", "replay": "2d"}
ANY_ALARM = 'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{}]))'
MINUTES = {"m": 1, "h": 60, "d": 1440}


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE_SECONDS,
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


@pytest.mark.parametrize("file", QUIET)
@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_alert_stays_silent_for_a_month_on_the_first_day_and_after_a_replay(
    rule: dict[str, Any], file: str
) -> None:
    """In one test of that file, with all metrics that the rule looks at, from begin to end."""
    (test,) = rule_tests(file)
    series = {series["series"].partition("{")[0] for series in test["input_series"]}
    assert names_in(rule["expr"]) <= set(map(family, series))
    assert "up" in series
    (whole,) = test["promql_expr_test"]
    assert whole == {"eval_time": QUIET[file], "expr": ANY_ALARM.format(QUIET[file])}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_alert_is_tested_to_fire_in_time(rule: dict[str, Any]) -> None:
    """In some test it is silent first, and fires soon after."""
    delays = []
    for test in [*rule_tests("service"), *rule_tests("streams")]:
        mine = [one for one in test["alert_rule_test"] if one["alertname"] == rule["alert"]]
        fires = [minutes(one["eval_time"]) for one in mine if one.get("exp_alerts")]
        silent = [minutes(one["eval_time"]) for one in mine if not one.get("exp_alerts")]
        before = [time for time in silent if fires and time < min(fires)]
        delays += [min(fires) - max(before)] if before else []
    assert delays, "it is in no test silent first and fires then"
    assert min(delays) <= IN_TIME_MINUTES[rule["labels"]["severity"]]


def minutes(duration: str) -> int:
    """A duration such as ``380m`` or ``9h``."""
    return int(duration[:-1]) * MINUTES[duration[-1]]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_every_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    annotations = rule["annotations"]
    assert rule["labels"]["severity"] in IN_TIME_MINUTES
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert all(annotations[name].endswith(".") for name in ("summary", "description"))
    assert annotations["runbook_url"] == f"{RUNBOOK_URL}#{rule['alert'].lower()}"
    assert f'<h3 id="{rule["alert"].lower()}">' in runbook_page()


def test_every_alert_has_its_paragraph_and_every_paragraph_its_alert() -> None:
    paragraphs = dict(
        re.findall(r"^### (\w+)\n\n(.+?)\n(?=\n|\Z)", RUNBOOK.read_text(), re.M | re.S)
    )
    assert list(paragraphs) == NAMES
    assert all(len(text.split()) > 30 for text in paragraphs.values())
