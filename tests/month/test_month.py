"""Some hours of the month, with an outage, ended early; and the report that is made of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.deploy.prometheus_files import program
from tests.month.month import START
from tests.patience import STRETCH

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 540.0 * STRETCH  # some 40 on a machine that does nothing else
HOURS = 9.6  # the outage, of six hours, is over by then


@pytest.mark.timeout(LONGEST_SECONDS + 40)
def test_a_month_that_is_ended_early_is_judged_an_outage_was_heard_of_and_nothing_else_was(
    tmp_path: Path,
) -> None:
    program("prometheus")
    faults = ["outage", "absurd model, then a rollback"]
    options = ["--days", "1.2", "--only", *faults, "--report", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.month", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while process.poll() is None and simulated(tmp_path / "scrapes.txt") < HOURS:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 1, output[-6000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [alert["alert"] for alert in report["alerts"]] == ["StreamStale"]
    (ended, not_shown) = report["faults"]
    assert ended.startswith("It was ended by SIGTERM on day 0.4")
    assert not_shown == "Not shown, as it ended before: absurd model, then a rollback."
    assert [one["fault"]["name"] for one in report["heard"]] == ["outage"]
    assert "days of Echocast, ended on day 0.4" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "report.png").stat().st_size > 10_000


def simulated(scrapes: Path) -> float:
    """Hours of the month until its newest scrape."""
    written = scrapes.read_text() if scrapes.exists() else ""
    lines = written.rpartition("\n")[0].splitlines()  # the last one may be written just now
    last = float(lines[-1].rpartition(" ")[2]) if lines else 0.0
    return (last - START.timestamp()) / timedelta(hours=1).total_seconds()
