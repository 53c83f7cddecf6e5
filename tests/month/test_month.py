"""Some hours of the month, with an outage, and the report that is made of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.prometheus_files import program

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 540.0  # some 40 on a machine that does nothing else


@pytest.mark.timeout(LONGEST_SECONDS + 40)
def test_an_outage_is_heard_of_and_nothing_else_is(tmp_path: Path) -> None:
    program("prometheus")
    options = ["--days", "0.4", "--only", "outage", "--report", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.month", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [alert["alert"] for alert in report["alerts"]] == ["StreamStale"]
    assert not report["faults"]
    assert "as it should be" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "report.png").stat().st_size > 10_000
