"""Whether a message is sent: worked examples, then laws for any course of the rain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echocast.service.notification.decision import (
    OUTAGE,
    EventState,
    Judgement,
    Notice,
    decide,
    judged,
)
from echocast.service.notification.schemas import QuietHours, RuleDeclaration

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEGINS, AGAIN = Notice(rain=True, outage=None), Notice(rain=False, outage=OUTAGE)


def rule(**changes: Any) -> RuleDeclaration:
    place = {"stream": "radar", "latitude": 47.05, "longitude": 8.31, "threshold_mm_h": 1.0}
    asked = {"within_minutes": 30, "probability": 0.5, "pause_minutes": 30}
    return RuleDeclaration(**{**place, **asked, "send_to": ["json://127.0.0.1"], **changes})


def rain(state: str = "no-rain", **changes: Any) -> dict[str, Any]:
    nothing = {"minutes_until_start": None, "probability": 0.1, "next_start_is_latest": False}
    return {"state": state, "stale": False, **nothing, **changes}


def expected(minutes: int, probability: float | None = 0.7, **changes: Any) -> dict[str, Any]:
    return rain("rain-expected", minutes_until_start=minutes, probability=probability, **changes)


@pytest.mark.parametrize(
    ("answer", "judgement"),
    [
        (rain(), "clear"),
        (rain("unknown"), "unknown"),
        (None, "unknown"),
        (rain("rain", stale=True), "unknown"),
        (expected(10, stale=True), "unknown"),
        (rain("rain", probability=None), "expected"),
        (expected(30), "expected"),
        (expected(30, 0.5), "expected"),
        (expected(30, 0.49), "possible"),
        (expected(30, None), "possible"),
        (expected(31), "clear"),
        (expected(31, next_start_is_latest=True), "unknown"),
        (expected(30, next_start_is_latest=True), "expected"),
    ],
)
def test_what_an_answer_is_to_a_rule(answer: dict[str, Any] | None, judgement: str) -> None:
    assert judged(answer, rule()) == judgement


def test_a_rule_that_asks_for_no_probability_needs_none() -> None:
    assert judged(expected(30, None), rule(probability=0.0)) == "expected"
    assert judged(expected(30, 0.01), rule(probability=0.0)) == "expected"


@dataclass
class Course:
    """A rule that is followed."""

    rule: RuleDeclaration
    now: datetime = NOON
    state: EventState = field(default_factory=EventState)

    def pass_time(
        self, minutes: int, judgement: Judgement, *, every: int = 1
    ) -> list[tuple[int, Notice]]:
        """What is sent in so many minutes, after how many."""
        begin, sent = self.now, []
        for _ in range(0, minutes, every):
            self.state, notice = decide(self.state, judgement, self.now, self.rule)
            sent += [((self.now - begin) // MINUTE, notice)] if notice else []
            self.now += every * MINUTE
        return sent


def test_an_event_is_sent_once_and_the_next_again() -> None:
    course = Course(rule())
    assert course.pass_time(60, "clear") == []
    assert course.pass_time(90, "expected") == [(0, BEGINS)]
    assert course.pass_time(30, "clear") == []  # not over yet: 29 minutes since the first
    assert course.pass_time(10, "expected") == []
    assert course.pass_time(31, "clear") == []
    assert course.pass_time(10, "expected") == [(0, BEGINS)]


def test_an_outlook_that_wavers_about_the_probability_sends_once() -> None:
    course, sent = Course(rule()), []
    for _ in range(20):
        sent += course.pass_time(5, "expected") + course.pass_time(60, "possible")
    assert [notice for _, notice in sent] == [BEGINS]


def test_rain_of_quiet_hours_is_sent_when_they_end_if_it_lasts() -> None:
    quiet = QuietHours(begin="22:00", end="07:00")
    course = Course(rule(quiet_hours=quiet, time_zone="Europe/Zurich"), NOON.replace(hour=20))
    assert course.pass_time(8 * 60, "expected") == []  # 22:00 to 6:00 in Zurich
    assert course.pass_time(120, "expected") == [(60, BEGINS)]
    course = Course(rule(quiet_hours=quiet, time_zone="Europe/Zurich"), NOON.replace(hour=20))
    assert course.pass_time(60, "expected") + course.pass_time(9 * 60, "clear") == []


def test_quiet_hours_follow_the_clock_of_the_zone_in_winter_and_summer() -> None:
    night = rule(quiet_hours=QuietHours(begin="22:00", end="07:00"), time_zone="Europe/Zurich")
    assert night.is_quiet(datetime(2026, 7, 1, 20, 0, tzinfo=UTC))
    assert not night.is_quiet(datetime(2026, 1, 1, 20, 0, tzinfo=UTC))
    assert not night.is_quiet(datetime(2026, 1, 1, 6, 0, tzinfo=UTC))
    assert night.is_quiet(datetime(2026, 1, 1, 5, 59, tzinfo=UTC))
    noon = rule(quiet_hours=QuietHours(begin="12:00", end="13:00"))
    assert [noon.is_quiet(NOON + hours * 30 * MINUTE) for hours in (-1, 0, 1, 2)] == [
        *(False, True, True, False)
    ]


def test_what_is_not_known_ends_no_event_unless_it_lasts() -> None:
    course = Course(rule())
    assert course.pass_time(1, "expected") == [(0, BEGINS)]
    assert course.pass_time(20, "clear") + course.pass_time(8, "unknown") == []
    assert course.pass_time(20, "clear") == []  # counts anew after what was not known
    assert course.pass_time(1, "expected") == []
    assert course.pass_time(29, "unknown") == []
    assert course.pass_time(1, "expected") == [(0, BEGINS)]  # 30 minutes without knowledge


def test_time_that_nobody_watched_is_no_time_without_rain() -> None:
    course = Course(rule(pause_minutes=60))
    course.pass_time(1, "expected")
    course.pass_time(30, "clear")
    course.now += 35 * MINUTE  # the process was not there
    assert course.pass_time(1, "clear") + course.pass_time(1, "expected") == []


@pytest.mark.parametrize("after_outage", [False, True])
def test_after_an_outage_one_message_says_so_if_it_is_asked_for(after_outage: bool) -> None:
    course = Course(rule(after_outage=after_outage))
    assert course.pass_time(5, "clear") + course.pass_time(29, "unknown") == []
    assert course.pass_time(60, "clear") == ([(0, AGAIN)] if after_outage else [])
    assert course.pass_time(10, "unknown") + course.pass_time(10, "clear") == []


def test_before_the_first_knowledge_there_is_no_outage() -> None:
    course = Course(rule(after_outage=True))
    assert course.pass_time(90, "unknown") + course.pass_time(10, "clear") == []


JUDGEMENTS = st.lists(
    st.tuples(st.sampled_from(["expected", "possible", "clear", "unknown"]), st.integers(1, 50)),
    max_size=12,
)
RULES = st.builds(
    rule,
    pause_minutes=st.integers(10, 60),
    quiet_hours=st.sampled_from([None, QuietHours(begin="13:00", end="14:30")]),
    after_outage=st.booleans(),
)


def minutes_of(course: Sequence[tuple[Judgement, int]]) -> list[Judgement]:
    return [judgement for judgement, minutes in course for _ in range(minutes)]


@given(JUDGEMENTS, RULES)
def test_laws_of_any_course(pieces: list[tuple[Judgement, int]], declared: RuleDeclaration) -> None:
    course, state, newest = minutes_of(pieces), EventState(), None
    for minute, judgement in enumerate(course):
        now = NOON + minute * MINUTE
        state, notice = decide(state, judgement, now, declared)
        assert decide(state, judgement, now, declared) == (state, None)  # asked twice, sent once
        if notice is None:
            continue
        assert judgement != "unknown"
        assert not declared.is_quiet(now)
        if notice.rain:
            assert judgement == "expected"
            if newest is not None:  # long without rain, or long without knowledge
                between = course[newest + 1 : minute]
                runs = "".join("x" if j in ("expected", "possible") else j[0] for j in between)
                pause = declared.pause_minutes
                assert "c" * pause in runs or "u" * (pause - 1) in runs
            newest = minute


@given(JUDGEMENTS, RULES)
def test_rain_that_is_expected_outside_quiet_hours_was_sent(
    pieces: list[tuple[Judgement, int]], declared: RuleDeclaration
) -> None:
    state = EventState()
    for minute, judgement in enumerate(minutes_of(pieces)):
        now = NOON + minute * MINUTE
        state, _ = decide(state, judgement, now, declared)
        assert state.in_event or judgement != "expected" or declared.is_quiet(now)
