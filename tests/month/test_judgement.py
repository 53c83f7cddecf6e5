"""What the month finds wrong: alerts that are false or late, memory that grows, a full disk."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

from tests.chaos.service import COMMAND_LINES
from tests.month.alerts import Raised
from tests.month.calendar import DAY, HOUR, WHOLE_MONTH, Fault, calendar
from tests.month.faults import STEPS
from tests.month.judgement import (
    disk_faults,
    growth_mb,
    heard,
    memory_faults,
    unexplained,
)
from tests.month.memory import MB, slope
from tests.month.month import Sample

START = datetime(2027, 3, 1, tzinfo=UTC)
OUTAGE = Fault("outage", 10 * HOUR, 6 * HOUR, ("StreamStale",), 2 * HOUR, ("InputFault",), 3 * HOUR)
QUIET = Fault("promotion", 20 * HOUR, HOUR)


def alert(name: str, hours: float) -> Raised:
    since = START + hours * HOUR
    return Raised(name, "page", {}, since, since + HOUR)


def test_an_alert_in_time_is_heard_and_explained() -> None:
    alerts = [alert("StreamStale", 11), alert("InputFault", 18)]
    (outage, promotion) = heard(alerts, [OUTAGE, QUIET], START)
    assert outage.in_time
    assert outage.after == HOUR
    assert promotion.in_time
    assert not unexplained(alerts, [OUTAGE, QUIET], START)


def test_a_late_alert_is_not_in_time() -> None:
    (outage,) = heard([alert("StreamStale", 12.5)], [OUTAGE], START)
    assert not outage.in_time


def test_a_fault_of_which_nothing_is_heard_is_not_in_time() -> None:
    (outage,) = heard([], [OUTAGE], START)
    assert not outage.in_time


def test_alerts_of_another_kind_or_another_time_are_false() -> None:
    alerts = [alert("DiskLow", 11), alert("StreamStale", 9), alert("StreamStale", 20)]
    assert unexplained(alerts, [OUTAGE, QUIET], START) == alerts


def sample(day: float, worker_mb: float, free_mb: float = 100) -> Sample:
    resident = dict.fromkeys(COMMAND_LINES, 0) | {"worker": round(worker_mb * MB)}
    return Sample(day, 0, round(free_mb * MB), resident)


def test_memory_that_grows_is_a_fault_and_a_peak_is_none() -> None:
    flat = [sample(day / 4, 300 if day % 17 else 900) for day in range(120)]
    leak = [sample(day / 4, 300 + day) for day in range(120)]
    assert growth_mb(flat, "worker") == 0
    assert not list(memory_faults(flat))
    (fault,) = memory_faults(leak)
    assert fault.startswith("The memory of worker grows by 120 MB a month")


def test_the_engine_is_judged_from_day_ten_on() -> None:
    def grown(until: float) -> list[Sample]:
        some = (sample(day / 4, 300) for day in range(120))
        return [
            replace(
                one, resident={**one.resident, "valkey": round((10 + min(one.day, until)) * MB)}
            )
            for one in some
        ]

    assert not list(memory_faults(grown(10)))
    (fault,) = memory_faults(grown(30))
    assert fault.startswith("The memory of valkey grows by 30 MB a month")


def test_a_run_too_short_says_nothing_about_memory() -> None:
    assert growth_mb([sample(day / 24, 300 + day) for day in range(48)], "worker") is None


def test_slope_of_a_line_with_outliers() -> None:
    points = [(x, 2.0 * x) for x in range(50)]
    points[10] = (10, 1e6)
    assert slope(points) == 2.0


def test_a_disk_without_its_floor_is_a_fault_unless_others_filled_it() -> None:
    full = [sample(0.1, 0), sample(0.5, 0, free_mb=3)]
    filled = Fault("disk filled", 11 * HOUR, 2 * HOUR)
    assert len(list(disk_faults(full, 4 * MB, []))) == 1
    assert not list(disk_faults(full, 4 * MB, [filled]))


def test_the_calendar_is_the_same_for_the_same_seed_and_has_all_kinds() -> None:
    assert calendar(30, 1) == calendar(30, 1)
    assert calendar(30, 1) != calendar(30, 2)
    assert [fault.name for fault in calendar(30, 1)] == [fault.name for fault in WHOLE_MONTH]
    assert all(fault.end < 30 * DAY for fault in calendar(30, 1))


def test_no_two_faults_of_a_whole_month_meet() -> None:
    for seed in range(20):
        faults = calendar(30, seed)
        assert all(a.end + a.fades < b.begin for a, b in itertools.pairwise(faults))


def test_a_short_run_has_no_fault_that_needs_history() -> None:
    assert "worse model, then a rollback" not in [fault.name for fault in calendar(8, 1)]


def test_every_kind_of_the_calendar_can_be_done() -> None:
    assert {fault.name for fault in WHOLE_MONTH} == STEPS.keys()
