"""When a month ends early, and what its report says then."""

from __future__ import annotations

import os
import signal

import pytest

from tests.month.calendar import DAY, HOUR, Fault
from tests.month.ending import Ending, what_is_not_shown

OUTAGE = Fault("outage", 10 * HOUR, 6 * HOUR, ("StreamStale",), 2 * HOUR)
QUIET = Fault("promotion", 20 * HOUR, HOUR)


def test_the_first_signal_asks_for_the_end_and_the_second_one_ends() -> None:
    ending, before = Ending(), signal.getsignal(signal.SIGINT)
    with ending.by_signals():
        assert not ending.reason
        os.kill(os.getpid(), signal.SIGINT)
        assert ending.reason == "SIGINT"
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_minutes_that_are_over_are_a_reason() -> None:
    assert Ending(minutes=0).reason == "its 0 minutes"
    assert not Ending(minutes=60).reason


def test_what_did_not_come_is_named_also_where_its_alert_could_still_come() -> None:
    ended = list(what_is_not_shown([OUTAGE, QUIET], 11 * HOUR, 30, "SIGTERM"))
    assert ended == [
        "It was ended by SIGTERM on day 0.46 of 30.",
        "Not shown, as it ended before: outage; promotion.",
    ]
    assert len(list(what_is_not_shown([OUTAGE, QUIET], 20 * HOUR, 30, "SIGTERM"))) == 1
    assert not list(what_is_not_shown([OUTAGE, QUIET], 30 * DAY, 30, ""))
