"""Waiting for jobs, with an engine that goes and comes."""

from __future__ import annotations

import asyncio

import pytest

from echocast.service.nowcasts.waiting import Waiting
from echocast.workers.errors import EngineUnavailable
from tests.patience import PATIENCE_SECONDS


class Reading:
    """What a job's hash says, one answer after the other."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)

    async def __call__(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def until(reading: Reading, seconds: float, *messages: str) -> str:
    async def wait() -> str:
        waiting = Waiting("redis://nowhere", "done")
        waiter = asyncio.create_task(
            waiting.until("job", reading, lambda state: state == "done", seconds)
        )
        for message in messages:
            await asyncio.sleep(0.01)
            act = {"back": waiting.wake_all, "stop": waiting.stop}.get(message)
            act() if act else waiting.hear(message)
        return await waiter

    return asyncio.run(wait())


def test_a_waiter_hears_that_its_job_is_done() -> None:
    assert until(Reading("running", "done"), PATIENCE_SECONDS, '{"id": "job"}') == "done"


def test_a_waiter_that_hears_nothing_gets_the_state_as_it_is() -> None:
    assert until(Reading("running"), 0.05, '{"id": "other"}', "no json") == "running"


def test_a_waiter_outlasts_an_engine_that_is_away() -> None:
    away = EngineUnavailable("The engine does not answer.")
    assert (
        until(Reading(away, away, "running", "done"), PATIENCE_SECONDS, "back", "back", "back")
        == "done"
    )


def test_nobody_waits_when_the_service_stops() -> None:
    assert until(Reading("running", "running"), PATIENCE_SECONDS, "stop") == "running"
    waiting = Waiting("redis://nowhere", "done")
    waiting.stop()
    never = waiting.until("job", Reading("running"), lambda _: False, PATIENCE_SECONDS)
    assert asyncio.run(asyncio.wait_for(never, PATIENCE_SECONDS)) == "running"


def test_a_waiter_is_told_where_the_engine_stays_away() -> None:
    with pytest.raises(EngineUnavailable):
        until(Reading(EngineUnavailable("The engine does not answer.")), 0.05)
