"""The unit of systemd, as systemd reads it, and the commands that its instances run."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from echocast.service.cli.main import app
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.refusal import REFUSED
from tests.deploy.compose_file import ROOT
from tests.patience import PATIENCE_SECONDS

UNIT = ROOT / "deploy" / "systemd" / "echocast@.service"
WORST_EXPOSURE = 2.0  # of 10; a service without any sandboxing has 9.6


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """An instance whose program and user are there."""
    text = UNIT.read_text().replace("/opt/echocast/bin/echocast", "/bin/echo")
    path = tmp_path / "echocast@up.service"
    path.write_text(text.replace("User=echocast", "User=daemon"))
    return path


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("UNITS NOT TESTED: there is no systemd-analyze (Debian: systemd)")
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_understands_every_line(instance: Path) -> None:
    assert "Unknown" not in (text := analyze("verify", str(instance)))
    assert "Ignoring" not in text


def test_it_is_sandboxed(instance: Path) -> None:
    text = analyze("security", "--offline=yes", "--no-pager", str(instance))
    exposure = re.search(r"exposure level for echocast@up.service: ([\d.]+)", text)
    assert exposure
    assert float(exposure[1]) <= WORST_EXPOSURE


def test_instances_are_commands_and_variables_are_settings() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT)
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"echocast@([a-z]+)", UNIT.read_text().partition("[Unit]")[0])
    assert {"up", "gateway", "worker", "watch", "mqtt", "notify"} <= set(named) <= set(known)
    words = unit["Service"]["Environment"].split()
    ours = {word.split("=")[0] for word in words if word.startswith("ECHOCAST_")}
    assert ours <= {f"ECHOCAST_{name.upper()}" for name in ServiceSettings.model_fields}
    assert unit["Service"]["RestartPreventExitStatus"] == str(REFUSED)


def test_arguments_of_the_examples_parse() -> None:
    (text,) = re.findall(r'"ARGUMENTS=(/[^"]+)"', UNIT.read_text())
    command = typer.main.get_command(app).commands["watch"]  # type: ignore[attr-defined]
    words = [str(ROOT) if word.startswith("/") else word for word in text.split()]
    assert command.make_context("watch", words).params["step_minutes"] == 5
