"""A command imports what it needs: help without torch, and nothing of another command."""

import json
import subprocess
import sys

import pytest

from echocast.model.__main__ import Commands, TrainCommands
from echocast.service.cli.main import OFFLINE
from tests.patience import PATIENCE_SECONDS

MODULES = """
import json, sys
from echocast.model.__main__ import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""
LEAVES = [*Commands.modules, *(f"train {name}" for name in TrainCommands.modules)]
FOREIGN = ("echocast.model.retraining", "echocast.model.plotting", "torch", "matplotlib")


def loaded_by(*arguments):
    """Exit status, output and modules of the model's command line after some arguments."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    return status, done.stdout + done.stderr, modules


@pytest.mark.parametrize("command", sorted(set(LEAVES) - {"retrain", "archive"}))
def test_help_of_a_command_loads_no_network_and_no_other_command(command):
    status, _, modules = loaded_by(*command.split(), "--help")
    assert status == 0
    assert not [name for name in modules if name.startswith(FOREIGN)]
    assert sum(name.startswith("echocast.") for name in modules) <= 25


@pytest.mark.parametrize("arguments", [["--help"], ["retrain", "--help"], ["archive", "--help"]])
def test_help_of_all_loads_no_network(arguments):
    status, output, modules = loaded_by(*arguments)
    assert status == 0
    assert "torch" not in modules
    assert arguments != ["--help"] or all(command in output for command in Commands.modules)


@pytest.mark.parametrize("command", ["nowcast", "evaluate", "train calibrate"])
def test_a_file_that_is_missing_is_named_before_the_network_is_loaded(command):
    option = ["--output", "forecast.nc"] if command == "nowcast" else []
    status, output, modules = loaded_by(*command.split(), "missing.nc", *option)
    assert status == 2
    assert "'missing.nc' does not exist" in output
    assert "torch" not in modules


def test_echocast_hands_on_only_commands_that_there_are():
    assert OFFLINE.keys() <= {*Commands.modules, "train"}
