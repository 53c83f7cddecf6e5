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


def rule_tests(file: str) -> list[dict[str, Any]]:
    """The unit tests of rules in a file."""
    path = PROMETHEUS / "tests" / f"{file}.yml"
    tests: list[dict[str, Any]] = yaml.safe_load(path.read_text())["tests"]
    return tests
