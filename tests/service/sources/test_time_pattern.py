"""Times in addresses and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies

from echocast.service.sources.time_pattern import TimePattern

NOON = datetime(2026, 11, 30, 12, 5, tzinfo=UTC)
minutes = strategies.datetimes(min_value=datetime(2002, 1, 1), max_value=datetime(2060, 1, 1)).map(
    lambda time: time.replace(second=0, microsecond=0, tzinfo=UTC)
)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("rzc%y%j%H%Mvl.001.h5", "rzc263341205vl.001.h5"),
        ("OPERA@%Y%m%dT%H%M@0@DBZH.h5", "OPERA@20261130T1205@0@DBZH.h5"),
        ("%d-%m-%Y-%H-%M.tif", "30-11-2026-12-05.tif"),
        ("%Q", "1796040300000"),
        ("100%%_%Y%m%d%H%M", "100%_202611301205"),
        ("%Y/%m/%d/%Y%m%d%H%M.h5", "2026/11/30/202611301205.h5"),
    ],
)
def test_a_pattern_writes_and_reads_a_time(pattern: str, text: str) -> None:
    assert TimePattern(pattern).at(NOON) == text
    assert TimePattern(pattern).time_in(text) == NOON


@given(time=minutes, hours=strategies.integers(-12, 14))
def test_what_was_written_at_a_time_is_read_as_it(time: datetime, hours: int) -> None:
    for text in ("a%Y%m%d_%H%M.h5", "%y%j%H%M", "%Q"):
        pattern = TimePattern(text, timedelta(hours=hours))
        assert pattern.time_in(pattern.at(time)) == time


def test_a_clock_of_another_zone_is_read_as_utc() -> None:
    pattern = TimePattern("%Y%m%d%H%M", timedelta(hours=8))
    assert pattern.at(NOON) == "202611302005"
    assert pattern.time_in("202611302005") == NOON


def test_a_name_is_all_between_the_separators_of_an_address() -> None:
    pattern = TimePattern("x_%Y%m%d-%H%M*.gz")
    address = "https://a.example/d/x_20261130-120500.gz"
    assert pattern.time_in(address) == pattern.time_in(address + "?sig=1") == NOON
    assert pattern.time_in(address + ".md5") is None
    assert pattern.time_in("https://a.example/d/my_x_20261130-120500.gz") is None
    query = TimePattern("time=%Y-%m-%dT%H:%M:%SZ")
    assert query.time_in("https://a.example/wms?time=2026-11-30T12:05:00Z&layer=a") == NOON


def test_digits_that_are_no_time_are_none() -> None:
    assert TimePattern("%Y%m%d%H%M").time_in("202613301205") is None
    assert TimePattern("%Y%m%d/%Y%m%d%H%M").time_in("20261129/202611301205") is None


@pytest.mark.parametrize("text", ["%b", "%Y%", "%-d"])
def test_an_unknown_code_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="%"):
        _ = TimePattern(text).codes
