"""What the chaos command looks for is found: its own recount, ledger, schedule and damage."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.workers.engine.client import EngineClient
from tests.chaos.damage import HOW, OF_FRAMES, Damage
from tests.chaos.greedy import LARGE_JOBS, MOST_BEGUN, faults_of, judged
from tests.chaos.ledger import Ledger
from tests.chaos.recount import recount
from tests.chaos.schedule import KILLS_FOR_ONE, schedule
from tests.workers.conftest import running_engine
from tests.workers.streams.stream_bench import ALL, Bench

SLOTS = 6
PAIRS = 3 + 3 + 3 + 2 + 1  # forecasts of three leads, as far as there are frames


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineClient]:
    with running_engine() as client:
        yield client


@pytest.fixture
def bench(engine: EngineClient, tmp_path: Path) -> Bench:
    """A stream of six frames, each with a forecast; everything is counted."""
    engine.redis.flushall()
    bench = Bench(tmp_path, engine, OF_FRAMES)
    for slot in range(SLOTS):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    return bench


@pytest.fixture
def damage(tmp_path: Path) -> Damage:
    return Damage(tmp_path, random.Random(1))


def test_the_recount_agrees_with_the_service(bench: Bench, tmp_path: Path, damage: Damage) -> None:
    result = recount(tmp_path, OF_FRAMES, damage)
    assert result.wrong == []
    assert result.missing == set()
    assert len(result.required) == len(result.counted) == PAIRS
    assert result.silent == []
    sums = bench.sums.over(OF_FRAMES, ALL)
    for name, total in result.totals().items():
        vector, place = name.rsplit("|", 1)
        assert sums[vector][int(place)] == total
    assert sum(result.totals().values()) > 1000


def test_a_lost_and_a_changed_count_are_noticed(
    bench: Bench, tmp_path: Path, damage: Damage
) -> None:
    first, second, *_ = sorted((tmp_path / "counts").rglob("*_*.json"))[1:]
    lost = len(json.loads(first.read_bytes())) - 1  # the frame itself is no pair
    first.unlink()
    counts = json.loads(second.read_bytes())
    forecast = next(name for name in counts if name != "observed")
    next(numbers for name, numbers in counts[forecast].items() if "|model|" in name)[0] += 1
    second.write_text(json.dumps(counts))
    result = recount(tmp_path, OF_FRAMES, damage)
    assert len(result.missing) == lost
    assert ["counted otherwise than the files show" in text for text in result.wrong] == [True]


def test_a_frame_without_a_forecast_is_noticed(
    bench: Bench, tmp_path: Path, damage: Damage
) -> None:
    newest = max((tmp_path / "forecasts").rglob("*.json"))
    newest.unlink()
    assert recount(tmp_path, OF_FRAMES, damage).silent == [newest.stem]


def test_what_was_damaged_need_not_be_counted_and_is_made_again_or_not(
    bench: Bench, tmp_path: Path, damage: Damage
) -> None:
    done = [one for _ in range(40) if (one := damage.one_more())]
    assert {one.kind for one in done} == {"frame", "stream forecast"}
    assert all(one.lasts and one.path.read_bytes() == one.after != one.before for one in done)
    result = recount(tmp_path, OF_FRAMES, damage)
    assert result.wrong == []
    assert result.missing == set()
    assert len(result.counted) == PAIRS > len(result.required)
    done[0].path.write_bytes(done[0].before)
    assert list(damage.lasting()) == done[1:]
    done[1].path.unlink()
    assert list(damage.lasting()) == done[2:]


@pytest.mark.parametrize("how", HOW)
def test_damage_changes_a_file(how: str) -> None:
    chance, content = random.Random(2), bytes(range(200))
    assert all(HOW[how](content, chance) != content for _ in range(100))


def answer(status: int, **body: str) -> httpx.Response:
    request = httpx.Request("GET", "http://127.0.0.1/nowcast")
    return httpx.Response(status, json=body, request=request)


def test_the_ledger_notices_wrong_answers_and_two_ends() -> None:
    ledger = Ledger()
    for status in (200, 503, 507):
        ledger.on_answer("look", answer(status))
    assert ledger.unexpected == []
    for status in (400, 404, 500):
        ledger.on_answer("look", answer(status))
    assert len(ledger.unexpected) == 3
    view = {"id": "a", "created": "1", "finished": "2"}
    for status in ("running", "succeeded", "succeeded"):
        ledger.on_job({**view, "status": status})
    assert ledger.ends == {("a", "1"): {"succeeded 2"}}
    ledger.on_job({**view, "status": "failed"})
    assert len(ledger.ends["a", "1"]) == 2


def job(created: int, started: int, finished: int, attempts: int = 1) -> dict[str, Any]:
    times = {"created": created, "started": started, "finished": finished}
    return {"attempts": attempts, **{name: f"{time:03d}" for name, time in times.items()}}


def test_a_small_job_that_waits_for_large_ones_is_starved() -> None:
    large = [job(n, 50 + n, 60 + n) for n in range(LARGE_JOBS)]
    in_turn, last = judged([job(30, 50, 51), job(30, 90, 91)], large)
    assert (in_turn.waiting, in_turn.begun, in_turn.ended) == (LARGE_JOBS, 0, 0)
    assert (last.waiting, last.begun, last.ended) == (LARGE_JOBS, LARGE_JOBS, LARGE_JOBS)
    assert not in_turn.starved
    assert last.starved
    assert len(faults_of([in_turn, last])) == 1
    assert judged([job(30, 51 + MOST_BEGUN, 52 + MOST_BEGUN)], large)[0].starved


def test_jobs_that_were_begun_twice_tell_no_order() -> None:
    """They are begun again before all others."""
    large = [job(0, 50, 51, attempts=2) for _ in range(LARGE_JOBS)]
    assert judged([job(30, 90, 91, attempts=2)], large) == []
    assert judged([job(30, 90, 91)], large)[0].waiting == 0


def test_a_run_in_which_nothing_waited_shows_no_order() -> None:
    begun_before = [job(n, 20, 60) for n in range(LARGE_JOBS)]
    assert len(faults_of(judged([job(30, 31, 32)], begun_before))) == 1
    assert len(faults_of([])) == 1


def test_a_schedule_has_all_kinds_and_so_many_kills() -> None:
    blows = schedule(100, seed=1)
    assert sum(blow.kills for blow in blows) == 100
    assert {blow.kind for blow in blows} == {"kill", "again", *KILLS_FOR_ONE}
    assert blows == schedule(100, seed=1) != schedule(100, seed=2)
    assert sum(blow.kills for blow in schedule(7, seed=1)) == 7
