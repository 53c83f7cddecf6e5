"""What lies in deploy/, and Debian's Prometheus; what needs it is skipped, loudly, without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "deploy" / "runbook.md"


def program(name: str, package: str = "prometheus") -> str:
    """Path of a program of one of Debian's packages."""
    path = shutil.which(name)
    if not path:
        pytest.skip(f"DASHBOARDS AND ALERTS NOT TESTED: there is no {name} (Debian: {package})")
    return path


def rules() -> list[dict[str, Any]]:
    """All alert rules."""
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def rule_tests() -> list[dict[str, Any]]:
    """All expectations about alerts, of all unit tests of rules."""
    files = sorted((PROMETHEUS / "tests").glob("*.yml"))
    tests = [test for path in files for test in yaml.safe_load(path.read_text())["tests"]]
    return [expected for test in tests for expected in test["alert_rule_test"]]
