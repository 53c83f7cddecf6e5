"""The configuration of Alertmanager: amtool accepts it, and every alert reaches the receiver."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.deploy.prometheus_files import ROOT, program, rules
from tests.patience import PATIENCE_SECONDS

FILE = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
CONFIGURATION: dict[str, Any] = yaml.safe_load(FILE.read_text())
RULES = rules()


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        [program("amtool", "prometheus-alertmanager"), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_accepts_it() -> None:
    assert "SUCCESS" in amtool("check-config", str(FILE))


@pytest.mark.parametrize("severity", sorted({rule["labels"]["severity"] for rule in RULES}))
def test_every_alert_reaches_the_receiver(severity: str) -> None:
    """Routes look at nothing else."""
    labels = ("alertname=EchocastAny", f"severity={severity}")
    answer = amtool("config", "routes", "test", f"--config.file={FILE}", *labels)
    assert answer.split() == [CONFIGURATION["receivers"][0]["name"]]


def test_a_page_is_repeated_sooner_than_a_ticket() -> None:
    shown = amtool("config", "routes", "show", f"--config.file={FILE}")
    assert 'severity="page"' in shown
    route = CONFIGURATION["route"]
    assert (route["routes"][0]["repeat_interval"], route["repeat_interval"]) == ("1h", "1d")


def test_alerts_that_silence_others_exist() -> None:
    names = {rule["alert"] for rule in RULES}
    for inhibition in CONFIGURATION["inhibit_rules"]:
        matchers = inhibition["source_matchers"] + inhibition["target_matchers"]
        named = {name for one in matchers for name in re.findall(r"\bEchocast[A-Z]\w+", one)}
        assert named
        assert named <= names


def test_prometheus_names_it() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (group,) = shipped["alerting"]["alertmanagers"]
    assert group["static_configs"] == [{"targets": ["alertmanager:9093"]}]
