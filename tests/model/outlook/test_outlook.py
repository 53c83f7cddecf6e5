"""When it rains at a place: worked examples, and what holds for any series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echocast.model.outlook.outlook import BREAK, Peak, RainOutlook, rain_outlook
from echocast.model.outlook.series import PlaceTime

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
Rates = list[float | None]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def outlook(*rates: float | None, step: float = 5, threshold: float = 0.1) -> RainOutlook:
    """Of rates, the newest image first."""
    series = [PlaceTime(at(step * index), rate) for index, rate in enumerate(rates)]
    return rain_outlook(series, timedelta(minutes=step), threshold)


def test_rain_that_comes_and_goes() -> None:
    result = outlook(0, 0, 0, 2, 6, 1, 0, 0, 0)
    assert (result.state, result.raining_now) == ("rain-expected", False)
    assert (result.start, result.end) == (at(15), at(30))
    assert result.peak == Peak(6, at(20))
    assert result.again is None
    assert not result.has_breaks
    assert not result.is_latest_start


def test_raining_now_and_dry_by_the_forecast() -> None:
    result = outlook(3, 0, 0, 0)
    assert (result.state, result.raining_now, result.rate_now_mm_h) == ("rain", True, 3)
    assert (result.start, result.end) == (None, at(5))
    assert result.peak == Peak(3, at(0))


@pytest.mark.parametrize(
    ("step", "rates", "end"),
    [
        (5, (2, 0, 2, 0, 0), 15),  # five minutes without rain
        (5, (2, 0, 0, 2, 0, 0), 5),  # ten
        (10, (2, 0, 2, 0), 10),
        (2, (2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0), 12),  # eight
        (2, (2, 0, 0, 0, 0, 0, 2), 2),  # ten
        (15, (2, 0), 15),
    ],
)
def test_a_break_of_less_than_ten_minutes_does_not_end_rain(
    step: float, rates: tuple[float, ...], end: float
) -> None:
    assert outlook(*rates, step=step).end == at(end)


def test_rain_after_a_break_is_not_left_out() -> None:
    result = outlook(0.3, 0.3, 0, 0, 0, 8, 9)
    assert result.end == at(10)
    assert (result.again_from, result.again) == (at(25), Peak(9, at(30)))
    assert outlook(0.3, 0, 9).has_breaks


def test_an_end_that_nobody_knows_is_none() -> None:
    assert outlook(0, 2, 2, 0).end is None  # five minutes without rain, then the forecast ends
    assert outlook(0, 2, 2).end is None
    assert outlook(0, 2, 0, None, None, None).end is None
    assert outlook(0, 2, None, 0, 0, 0).end is None
    assert outlook(0, 2, 0, None, None).known_after_spell == at(10)


def test_where_nobody_looked_it_is_not_dry() -> None:
    blind = outlook(None, None, None)
    assert (blind.state, blind.raining_now, blind.known) == ("unknown", None, 0)
    assert outlook(0, 0, 0).state == "no-rain"
    for rates in ((None, 0, 0), (0, None, 0), (0, 0, None)):
        assert outlook(*rates).state == "unknown"
    assert outlook(0, 0, None, 0).known_until == at(5)


def test_rain_after_what_nobody_knows_begins_then_at_the_latest() -> None:
    result = outlook(None, 0, 2)
    assert (result.state, result.raining_now, result.start) == ("rain-expected", None, at(10))
    assert result.is_latest_start


def test_the_threshold_belongs_to_rain() -> None:
    assert outlook(0.1, 0, 0).raining_now
    assert outlook(0.5, 0.9, 1.0, 0.9, 0.9, threshold=1).start == at(10)


def test_the_probability_is_the_highest_of_the_rain() -> None:
    series = [
        PlaceTime(at(0), 0),
        PlaceTime(at(5), 0, 0.9),
        PlaceTime(at(10), 1, 0.4),
        PlaceTime(at(15), 1, 0.6),
    ]
    step = timedelta(minutes=5)
    assert rain_outlook(series, step).probability == 0.6
    assert rain_outlook(series[:2], step).probability == 0.9
    assert rain_outlook(series[:1], step).probability is None


rate = st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.4, 3.0])
many = st.lists(rate, min_size=1, max_size=14)
steps = st.sampled_from([2.0, 5.0, 10.0, 15.0])


@given(many, steps)
def test_laws_of_any_series(rates: Rates, step: float) -> None:
    result = outlook(*rates, step=step)
    observed, wet = [r for r in rates if r is not None], [r for r in rates if r and r >= 0.1]
    assert (result.state == "no-rain") == (len(observed) == len(rates) and not wet)
    assert (result.state in ("rain", "rain-expected")) == bool(wet)
    assert result.raining_now == (None if rates[0] is None else rates[0] >= 0.1)
    highest = [peak.rate_mm_h for peak in (result.peak, result.again) if peak]
    assert max(highest, default=None) == max(wet, default=None)  # no rain is left out
    if result.end is not None:
        index = round((result.end - NOON) / timedelta(minutes=step))
        dry = rates[index : index + -int(-BREAK / timedelta(minutes=step) // 1)]
        assert all(one is not None and one < 0.1 for one in dry)
        assert result.start is None or result.start < result.end
        assert result.again_from is None or result.again_from - result.end >= BREAK


@given(many, st.integers(0, 13))
def test_who_knows_less_calls_no_more_dry(rates: Rates, hidden: int) -> None:
    if hidden < len(rates):
        blind = [*rates[:hidden], None, *rates[hidden + 1 :]]
        assert outlook(*blind).state != "no-rain"
        if outlook(*rates).end is None and hidden > 0 and not (rates[hidden] or 0) >= 0.1:
            assert outlook(*blind).end is None
