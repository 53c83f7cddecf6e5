"""What was read of files is remembered for some hours, and so much at most."""

from __future__ import annotations

import pytest

from echocast.workers.archive import remembered
from echocast.workers.archive.remembered import HOURS, Remembered, remembering

HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock of one number that a test sets."""
    time = [1e9]
    monkeypatch.setattr(remembered, "now", lambda: time[0])
    return time


def test_what_is_asked_for_again_is_made_anew_after_some_hours(clock: list[float]) -> None:
    made = []

    def make(name: str, number: int) -> int | None:
        made.append(name)
        return number or None

    function = remembering(10, make)
    for name, number in (("a", 1), ("nothing", 0)):
        assert function(name, number) == function(name, number) == (number or None)
    assert made == ["a", "nothing"]
    clock[0] += HOURS * HOUR - 1
    function("a", 1)
    assert len(made) == 2
    clock[0] += 1
    function("a", 1)
    assert made == ["a", "nothing", "a"]


def test_an_error_is_not_remembered(clock: list[float]) -> None:
    answers = iter([OSError("not now"), 5])

    def make() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    function = remembering(10, make)
    with pytest.raises(OSError, match="not now"):
        function()
    assert function() == function() == 5


def test_what_nobody_asks_for_is_gone_after_some_hours(clock: list[float]) -> None:
    values: Remembered[int, int] = Remembered(1000)
    for hour in range(100):
        clock[0] += HOUR
        values.put(hour, hour)
    assert len(values) == HOURS
    assert values.get(99) == 99
    assert values.get(93) is None


def test_there_are_never_more_than_so_many(clock: list[float]) -> None:
    values: Remembered[int, int] = Remembered(3)
    for number in (1, 2, 3, 1, 4):
        values.put(number, number)
    assert [values.get(number) for number in (1, 2, 3, 4)] == [1, None, 3, 4]


def test_a_clock_that_is_set_back_only_costs_reading(clock: list[float]) -> None:
    values: Remembered[int, int] = Remembered(1000)
    values.put(1, 1)
    clock[0] -= HOUR
    assert values.get(1) is None
    values.put(2, 2)
    assert (len(values), values.get(2)) == (1, 2)
