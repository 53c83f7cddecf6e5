"""Scrapes become alerts as a Prometheus would raise them: after their time, and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.month.alerts import raised
from tests.month.scrapes import Scrapes

START = datetime(2027, 3, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)
TEXT = """# HELP echocast_workers_alive Workers.
# TYPE echocast_workers_alive gauge
echocast_workers_alive {workers}
# TYPE echocast_jobs_total counter
echocast_jobs_total{{status="succeeded",worker="1"}} {jobs}
# TYPE echocast_not_in_any_rule gauge
echocast_not_in_any_rule 1.0
"""


def test_an_alert_is_raised_after_its_time_and_ends_with_its_cause(tmp_path: Path) -> None:
    scrapes = Scrapes(tmp_path / "scrapes")
    for number in range(60):
        workers = 0 if 20 <= number < 30 else 1
        scrapes.add(START + number * EVERY, TEXT.format(workers=workers, jobs=number))
    assert "not_in_any_rule" not in (tmp_path / "scrapes").read_text()
    (alert,) = raised(scrapes, tmp_path, EVERY)
    assert (alert.alert, alert.severity) == ("NoWorker", "page")
    assert alert.since == START + 20 * EVERY + timedelta(minutes=1)
    assert START + 29 * EVERY <= alert.until <= START + 30 * EVERY


def test_a_target_that_does_not_answer_is_missing(tmp_path: Path) -> None:
    scrapes = Scrapes(tmp_path / "scrapes")
    for number in range(40):
        there = TEXT.format(workers=1, jobs=number) if number < 20 else None
        scrapes.add(START + number * EVERY, there)
    (alert,) = raised(scrapes, tmp_path, EVERY)
    assert alert.alert == "TargetMissing"
