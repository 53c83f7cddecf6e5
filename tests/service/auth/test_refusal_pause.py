"""Who is refused again and again waits for it, and nobody else does."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from echocast.service.auth.keys import new_key
from echocast.service.auth.refusal_pause import LONGEST_PAUSE_SECONDS, RefusalPause
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import is_problem, post
from tests.service.real_processes import engine, eventually, gateway, place, pretend_worker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_refusals_of_ten_seconds_are_answered_at_once(clock: Clock) -> None:
    pauses = RefusalPause(30, clock)
    assert [pauses.take("junk") for _ in range(5)] == [0.0] * 5
    assert pauses.take("junk") == pytest.approx(2.0)
    assert pauses.take("junk") == pytest.approx(4.0)
    assert pauses.take("other") == 0.0


def test_time_makes_good_and_no_pause_is_longer_than_the_longest(clock: Clock) -> None:
    pauses = RefusalPause(30, clock)
    assert max(pauses.take("junk") for _ in range(100)) == LONGEST_PAUSE_SECONDS
    clock.now += LONGEST_PAUSE_SECONDS
    assert pauses.take("junk") == pytest.approx(2.0)
    clock.now += 3600
    assert [pauses.take("junk") for _ in range(6)] == [*[0.0] * 5, pytest.approx(2.0)]


def test_in_the_pace_of_the_limit_no_refusal_waits(clock: Clock) -> None:
    pauses = RefusalPause(30, clock)
    for _ in range(60):
        assert pauses.take("unlucky") == 0.0
        clock.now += 2.0


@pytest.mark.parametrize("per_minute", [1, 3])
def test_the_first_refusal_never_waits(clock: Clock, per_minute: int) -> None:
    assert RefusalPause(per_minute, clock).take("new") == 0.0


def test_no_limit_is_no_pause(clock: Clock) -> None:
    pauses = RefusalPause(0, clock)
    assert [pauses.take("junk") for _ in range(1000)] == [0.0] * 1000


def test_a_service_that_stops_lets_nobody_wait(clock: Clock) -> None:
    async def refuse() -> None:
        pauses = RefusalPause(1, clock)
        pauses.take("junk")
        waiting = asyncio.create_task(pauses.pause("junk"))
        await asyncio.sleep(0)
        assert not waiting.done()
        pauses.stop()
        await waiting

    asyncio.run(refuse())


def test_junk_of_one_key_waits_and_that_of_another_does_not(models: Path) -> None:
    scopes = {"one": "submit", "other": "submit", "reader": "read"}
    secrets = {name: new_key(scope, name) for name, scope in scopes.items()}
    keys = ";".join(line for _, line in secrets.values())
    with (
        place(models, keys=keys, refusals_per_minute="1") as where,
        engine(where),
        ThreadPoolExecutor(1) as pool,
    ):
        pretend_worker(where)
        with gateway(where) as gate:

            def junk(name: str) -> httpx.Response:
                return post(gate.client, b"junk", **{"X-API-Key": secrets[name][0]})

            is_problem(junk("one"), 400, "unreadable-input")
            second = pool.submit(junk, "one")
            is_problem(junk("other"), 400, "unreadable-input")
            read_by = {"X-API-Key": secrets["reader"][0]}
            three = "echocast_decode_seconds_count 3.0"
            eventually(lambda: three in gate.client.get("/metrics", headers=read_by).text)
            assert not second.done()
            gate.process.send_signal(signal.SIGTERM)  # lets nobody wait any longer
            is_problem(second.result(PATIENCE_SECONDS), 400, "unreadable-input")
