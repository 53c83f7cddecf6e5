"""Whose turn it is: accounts take turns by what their jobs cost; streams' newest frames first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echocast.workers.errors import CallerQueueFull
from echocast.workers.jobs.job import LONGEST_LINE, Job, JobRequest, stream_account
from echocast.workers.jobs.queue import NOWCAST
from tests.workers.conftest import World, until
from tests.workers.storms import storm

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
LARGE, SMALL = (10, 640, 710), (10, 64, 64)
ME = "host-1-aaaa"


def request(
    name: str, account: str = "", shape: tuple[int, int, int] = SMALL, **fields: object
) -> JobRequest:
    return JobRequest(name, START, "fake", "1", shape, account=account, **fields)  # type: ignore[arg-type]


def order(world: World) -> list[str]:
    """The jobs in the order in which a worker claims them, by the names of their inputs."""

    def claimed() -> Iterator[str]:
        number = 0
        while job := world.claims.next_waiting("nobody"):
            number += 1
            claim = world.claims.claim(job.id, f"{ME}:{number}", ME, alone=job.alone)
            assert isinstance(claim, Job)
            yield job.input_sha

    return list(claimed())


def test_one_callers_large_jobs_do_not_delay_anothers_small_one(world: World) -> None:
    for k in range(64):
        world.jobs.submit(request(f"large {k}", "greedy", LARGE))
    first = world.claims.next_waiting("nobody")
    assert first is not None
    world.claims.claim(first.id, f"{ME}:0", ME, alone=False)
    world.jobs.submit(request("small", "other"))
    assert order(world)[0] == "small"


def test_accounts_take_turns_by_what_their_jobs_cost(world: World) -> None:
    for k in range(3):
        world.jobs.submit(request(f"large {k}", "one", LARGE))
    for k in range(30):
        world.jobs.submit(request(f"small {k}", "other", SMALL))
    names = order(world)
    assert len(names) == 33
    before_second = names[: names.index("large 1")]
    assert sum(name.startswith("small") for name in before_second) > 20


def test_a_key_of_twice_the_weight_has_twice_the_turns(world: World) -> None:
    for k in range(12):
        world.jobs.submit(request(f"heavy {k}", "heavy", weight=2.0))
        world.jobs.submit(request(f"plain {k}", "plain"))
    first = order(world)[:12]
    assert sum(name.startswith("heavy") for name in first) in (7, 8, 9)


def frame(number: int, stream: str = "radar", **fields: Any) -> JobRequest:
    time = START + timedelta(minutes=5 * number)
    account = stream_account(stream)
    fields = {"newest": True, **fields}
    return JobRequest(
        f"{stream} {number}", time, "", "", SMALL, stream=stream, account=account, **fields
    )


def test_the_newest_frame_of_a_stream_comes_first_older_ones_take_turns(world: World) -> None:
    for number in range(3):
        world.jobs.submit(frame(number))
    world.jobs.submit(request("ad hoc", "me"))
    names = order(world)
    assert names[0] == "radar 2"
    assert names.index("ad hoc") <= 2
    assert [name for name in names if name != "ad hoc"] == ["radar 2", "radar 1", "radar 0"]


def test_a_backlog_of_one_stream_delays_neither_another_nor_callers(world: World) -> None:
    for number in range(40):
        world.jobs.submit(frame(number))
        world.jobs.submit(frame(number, product="canary"))
    world.jobs.submit(frame(1, "other"))
    world.jobs.submit(request("ad hoc", "me"))
    names = order(world)
    assert set(names[:2]) == {"radar 39", "other 1"}
    assert names.index("ad hoc") <= 3
    line = [name for name in names if name.startswith("radar")]
    assert line == [*(f"radar {k}" for k in reversed(range(40)))] * 2, "what is compared is last"


def test_a_frame_that_comes_while_an_older_one_waits_goes_first_whoever_asks_first(
    world: World,
) -> None:
    world.jobs.submit(frame(5))
    world.jobs.submit(frame(3))  # another worker was slow to ask for it
    world.jobs.submit(frame(4, newest=False))
    assert order(world) == ["radar 5", "radar 4", "radar 3"]


def test_a_line_of_older_frames_is_bounded_and_the_newest_always_enters(
    make_world: Callable[..., World],
) -> None:
    world = make_world(queue_limit=1000, caller_queue_limit=1)
    for number in range(LONGEST_LINE + 20):
        world.jobs.submit(frame(number))
    assert world.jobs.queue_depth() == LONGEST_LINE + 1
    with pytest.raises(CallerQueueFull):
        world.jobs.submit(frame(0, newest=False))
    assert order(world)[0] == f"radar {LONGEST_LINE + 19}"
    assert world.jobs.engine.redis.keys("echocast:line:*") == []


def test_a_job_that_gives_way_in_a_full_line_has_a_log_line(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "echocast.nowcast")
    world = make_world(queue_limit=1000)
    for number in range(LONGEST_LINE + 2):
        world.jobs.submit(frame(number))
    (line,) = caplog.records
    assert line.facts["status"] == "cancelled"
    job = world.jobs.get(line.facts["job"])
    assert job is not None
    assert (job.status, job.forecast_reference_time) == (
        "cancelled",
        frame(0).forecast_reference_time,
    )


def test_a_job_that_had_its_turn_is_first_when_it_waits_again(world: World) -> None:
    for k in range(3):
        world.jobs.submit(request(f"{k}", "one"))
    job = world.claims.next_waiting("nobody")
    assert job is not None
    world.claims.claim(job.id, f"{ME}:1", ME, alone=False)
    world.jobs.submit(request("other", "other"))
    world.claims.give_back(job.id, f"{ME}:1")
    assert order(world)[0] == job.input_sha


def test_a_job_that_an_older_version_accepted_is_found_by_its_message(world: World) -> None:
    job = world.jobs.submit(request("old")).job
    redis = world.jobs.engine.redis
    redis.delete("echocast:order", "echocast:turns", "echocast:turn")
    redis.hdel(f"echocast:job:{job.id}", "turn", "account")
    assert world.claims.next_waiting("nobody") is None
    named = world.claims.next_waiting(job.id)
    assert named is not None
    assert named.id == job.id


def test_a_cancelled_job_has_no_turn(world: World) -> None:
    job = world.jobs.submit(request("a")).job
    world.jobs.release(job.id)
    assert world.claims.next_waiting(job.id) is None
    assert world.jobs.engine.redis.keys("echocast:turn*") == []


def test_one_account_can_not_fill_the_queue(make_world: Callable[..., World]) -> None:
    world = make_world(caller_queue_limit=3)
    for k in range(3):
        world.jobs.submit(request(f"{k}", "greedy"))
    with pytest.raises(CallerQueueFull, match="3 jobs of yours"):
        world.jobs.submit(request("more", "greedy"))
    assert world.jobs.submit(request("one", "other")).created
    assert not world.jobs.submit(request("0", "greedy")).created  # there already


def test_a_worker_takes_turns_and_loses_no_wake_up(make_world: Callable[..., World]) -> None:
    """Real worker, one job at a time: the small one ends before the greedy caller's second."""
    world = make_world(worker_concurrency=1, batch_items=1)
    mine = [world.submit(storm(k, mood="slow:0.05"), account="greedy").job.id for k in range(12)]
    other = world.submit(storm(99), account="other").job.id
    world.start_worker()
    ended = {job_id: world.end_of(job_id).finished for job_id in (*mine, other)}
    assert sum(end < ended[other] for end in ended.values()) <= 1
    until(lambda: world.jobs.engine.redis.llen(NOWCAST) == 0)
    assert world.jobs.queue_depth() == 0


def test_an_account_that_fills_a_worker_leaves_a_place_to_others(
    make_world: Callable[..., World], gate: Path
) -> None:
    """The network is busy with the greedy account all the time."""
    world = make_world(worker_concurrency=2, batch_items=1)
    mood = f"until:{gate}"
    mine = [world.submit(storm(k, mood=mood), account="greedy").job for k in range(4)]
    world.start_worker()
    until(lambda: world.jobs.queue_depth() == 2)
    other = world.submit(storm(99), account="other").job
    world.running(other.id)
    assert world.jobs.queue_depth() == 2
    gate.touch()
    assert {world.end_of(job.id).status for job in (*mine, other)} == {"succeeded"}
