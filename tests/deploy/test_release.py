"""The workflow that publishes: its schema, least rights, pinned actions, and what it calls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.compose_file import ROOT
from tests.deploy.test_dockerfile import STAGES, TEXT
from tests.patience import PATIENCE_SECONDS

FILE = ROOT / ".github" / "workflows" / "release.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(FILE.read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def test_it_obeys_the_schema_of_workflows() -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    done = run(sys.executable, "-m", "check_jsonschema", *schema, str(FILE))
    assert done.returncode == 0, done.stdout


def test_the_auditor_finds_nothing(tmp_path: Path) -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    assert run(zizmor, "--offline", "--pedantic", str(FILE)).returncode == 0
    wrong = tmp_path / ".github" / "workflows" / "release.yml"
    wrong.parent.mkdir(parents=True)
    wrong.write_text(re.sub(r"@[0-9a-f]{40} # ", "@", FILE.read_text()))
    assert run(zizmor, "--offline", str(wrong)).returncode != 0


def test_a_job_has_the_rights_that_it_uses_and_an_end() -> None:
    assert WORKFLOW["permissions"] == {}
    rights = {name: job["permissions"] for name, job in JOBS.items()}
    assert rights.pop("pypi") == {"id-token": "write"}
    assert all(right == {"contents": "read"} for right in rights.values())
    assert all(job["timeout-minutes"] for job in JOBS.values())
    assert all(job.get("needs") for name, job in JOBS.items() if name != "check")


def test_actions_are_pinned_by_digest_with_their_version_beside() -> None:
    used = re.findall(r"uses: (.*)", FILE.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_targets_arguments_and_commands_exist() -> None:
    for image in JOBS["images"]["strategy"]["matrix"]["include"]:
        assert image["target"] in STAGES
    steps = [step for job in JOBS.values() for step in job["steps"]]
    script = "\n".join(step["run"] for step in steps if "run" in step)
    for argument in re.findall(r'--build-arg "(\w+)=', script):
        assert re.search(rf"^ARG .*\b{argument}=", TEXT, re.MULTILINE)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    (called,) = re.findall(r"make (.*)", script)
    assert set(called.split()) <= targets
    assert (ROOT / ".ci" / "run").exists()
