"""What a worker does for a stream: nowcasts ordered once, by the champion and the frozen canary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from echocast.workers.jobs.job import Job, JobError
from echocast.workers.streams.forecast_store import description_path
from echocast.workers.streams.nowcast_requests import POISON
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.processing import StreamProcessing, frame_of
from echocast.workers.streams.reindex import recounted, reindex
from echocast.workers.streams.shadow import is_sampled
from echocast.workers.streams.stream import Origin, Stream
from tests.workers.conftest import World, name_models, until
from tests.workers.streams.stream_bench import GRID, START, STEP, stream_frame

EVER = TimeSpan(START - 50 * STEP, START + 50 * STEP)


def champion(models: Path, version: str) -> None:
    name_models(models, f"fake/{version}", "fake/1")


class Stage:
    """A world with a stream ``radar``, and the processing of a worker."""

    def __init__(self, world: World, models: Path) -> None:
        self.world = world
        self.models = models
        self.processing: StreamProcessing = StreamProcessing.from_settings(world.settings, 5)
        stream, _ = self.processing.stores.streams.declare(Stream("radar", 5))
        self.processing.stores.streams.set_origin(stream, Origin(GRID, 0))

    def put(
        self,
        slot: int,
        seed: int | None = None,
        *,
        late: bool = False,
        received: datetime | None = None,
    ) -> None:
        frame = stream_frame(slot, slot if seed is None else seed, late=late)
        if received:
            frame = replace(frame, header=replace(frame.header, received=received))
        self.processing.stores.frames.put("radar", frame, replace=True)

    def on_frame(self, slot: int) -> None:
        self.processing.on_frame("radar", START + slot * STEP, START + slot * STEP)

    def jobs(self) -> list[Job]:
        redis = self.processing.engine.redis
        ids = [key.rpartition(":")[2] for key in redis.scan_iter("echocast:job:*")]
        return [job for job_id in ids if (job := self.world.jobs.get(job_id))]

    def issued(self) -> list[Any]:
        return self.processing.stores.forecasts.listing("radar", EVER)


@pytest.fixture
def stage(make_world: Callable[..., World], tmp_path: Path) -> Any:
    models = tmp_path / "models"
    champion(models, "1")
    stage = Stage(make_world(models_dir=models, stream_sweep_seconds=0.5), models)
    yield stage
    stage.processing.close()


def test_a_frame_orders_one_nowcast_however_often_it_arrives(stage: Stage) -> None:
    stage.put(0)
    for _ in range(3):
        stage.on_frame(0)
    (job,) = stage.jobs()
    assert (job.stream, job.forecast_reference_time) == ("radar", START)
    assert job.holders == 1


def test_a_late_frame_and_a_stream_that_forecasts_nothing_order_none(stage: Stage) -> None:
    stage.put(0, late=True)
    stage.on_frame(0)
    stage.processing.stores.streams.declare(Stream("radar", 5, auto_nowcast=False))
    stage.put(1)
    stage.on_frame(1)
    assert stage.jobs() == []
    assert (
        stage.processing.scorer.score_span("radar", EVER) == 0
    )  # the frames are counted themselves


def test_a_frame_that_is_replaced_before_its_nowcast_still_gets_it(stage: Stage) -> None:
    stage.put(0)
    stage.put(1)
    stage.put(0, seed=2, late=True)  # as the gateway sees it: a later frame is there
    stage.on_frame(0)
    assert [job.forecast_reference_time for job in stage.jobs()] == [START]


def test_a_full_queue_leaves_the_nowcast_to_the_sweep(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    champion(tmp_path, "1")
    stage = Stage(make_world(models_dir=tmp_path, queue_limit=2), tmp_path)
    for slot in range(4):
        stage.put(slot)
        stage.on_frame(slot)
    assert len(stage.jobs()) == 2
    for job in stage.jobs():
        stage.world.jobs.release(job.id)
    stage.processing.engine.redis.delete("echocast.stream")
    stage.processing.sweep()
    assert len([job for job in stage.jobs() if not job.terminal]) == 2
    stage.processing.close()


def test_a_failed_nowcast_is_not_ordered_again_but_an_expired_one_is(stage: Stage) -> None:
    for slot, status in ((0, "failed"), (1, "expired")):
        stage.put(slot)
        stage.on_frame(slot)
        job = next(j for j in stage.jobs() if j.forecast_reference_time == START + slot * STEP)
        stage.processing.engine.redis.hset(f"echocast:job:{job.id}", "status", status)
        stage.on_frame(slot)
    assert sorted(job.status for job in stage.jobs()) in (
        ["accepted", "failed"],
        ["failed", "queued"],
    )


@pytest.mark.parametrize("error", [JobError("frame-count", "It is gone."), JobError(POISON, "No.")])
def test_a_frame_that_comes_again_before_its_nowcast_fails_gets_another(
    stage: Stage, error: JobError
) -> None:
    """It is set aside while its nowcast runs, which never gets to know the frame sent again."""
    stage.put(0)
    stage.on_frame(0)
    (job,) = stage.jobs()
    claims = stage.world.claims
    claims.claim(job.id, "me:1", "me", alone=False)
    stage.processing.stores.set_aside("radar", START, "It was deadly.")
    stage.put(0, received=datetime.now(UTC))
    stage.on_frame(0)
    assert claims.finish(job, "me:1", "failed", error=error.__dict__) == "finished"
    stage.on_frame(0)
    (again,) = stage.jobs()
    assert (again.status, again.generation) == ("queued", 2)
    claims.claim(job.id, "me:2", "me", alone=False)
    assert claims.finish(again, "me:2", "failed", error=error.__dict__) == "finished"
    stage.on_frame(0)
    assert [one.generation for one in stage.jobs()] == [2], "no third one for the same frame"


def test_a_real_worker_forecasts_scores_and_sweeps(stage: Stage) -> None:
    """No message says that there are frames: the sweep finds them."""
    for slot in range(12):
        stage.put(slot, seed=slot)
    stage.world.start_worker()
    until(lambda: len(stage.issued()) == 12)
    until(lambda: stage.processing.sums.added_pairs("radar", EVER) == set(work(stage).expected))
    truth = recounted(stage.processing.stores, stage.processing.scorer, "radar")
    assert stage.processing.sums.over("radar", EVER) == truth
    assert truth["5|forecasts|model"] == truth["5|forecasts|canary"] == [2]
    assert truth["5|forecasts|fallback"] == [9]


def test_the_canary_goes_on_when_another_champion_answers(stage: Stage) -> None:
    for slot in range(10):
        stage.put(slot, seed=slot)
    stage.world.start_worker()
    until(lambda: len(stage.issued()) == 10)
    champion(stage.models, "2")
    stage.put(10)
    stage.on_frame(10)
    until(lambda: len(stage.issued()) == 12)
    newest = {issued.roles: issued for issued in stage.issued()[-2:]}
    assert newest["model",].model_version == "2"
    assert newest["canary",].model_version == "1"
    latest = stage.processing.stores.forecasts.latest("radar")
    assert latest == newest["model",]
    stage.put(11)
    stage.on_frame(11)
    until(lambda: compared(stage, "canary") == compared(stage, "model") == [2])
    sums = stage.processing.sums.over("radar", EVER)
    assert sum(sums["5|canary|30"]) == sum(sums["5|model|30"])


def ten_frames_with_a_canary(stage: Stage) -> None:
    """So many that networks forecast; a worker runs, and a champion is compared with the canary."""
    for slot in range(10):
        stage.put(slot, seed=slot)
    stage.processing.stores.streams.canary("radar", "fake/1")
    champion(stage.models, "2")
    stage.on_frame(9)
    stage.world.start_worker()


def test_more_leads_are_of_the_forecast_that_is_served_alone(stage: Stage) -> None:
    """Compared are the leads of the networks; without one, extrapolation reaches as far."""
    stage.processing.stores.streams.declare(Stream("radar", 5, leads=14))
    ten_frames_with_a_canary(stage)
    roles = {("model",), ("canary",), ("fallback",)}
    until(lambda: {issued.roles for issued in stage.issued()} == roles)
    by_role = {issued.roles: issued for issued in stage.issued()}
    served = by_role["model",]
    assert served.lead_sources == 10 * ("network",) + 4 * ("extrapolation",)
    assert [served.is_beyond_network(time) for time in served.valid_times[9:11]] == [False, True]
    assert len(by_role["canary",].valid_times) == 10
    assert len(by_role["fallback",].valid_times) == 14
    assert by_role["canary",].lead_sources == by_role["fallback",].lead_sources == ()


def test_a_canarys_forecast_that_found_no_room_is_made_by_the_sweep(stage: Stage) -> None:
    ten_frames_with_a_canary(stage)
    until(lambda: {("model",), ("canary",)} <= {i.roles for i in stage.issued()})
    made = next(i for i in stage.issued() if i.roles == ("canary",))
    stage.processing.engine.redis.hset(f"echocast:job:{made.id}", "status", "cancelled")
    stage.processing.stores.files.delete(description_path(made))
    until(lambda: ("canary",) in {i.roles for i in stage.issued()})
    assert stage.world.jobs.get(made.id).request_id == "sweep"


def test_one_forecast_is_served_for_each_time_whoever_is_champion(stage: Stage) -> None:
    for slot in range(10):
        stage.put(slot, seed=slot)
    stage.on_frame(9)
    champion(stage.models, "2")
    stage.on_frame(9)  # the sweep orders again as long as there is no forecast
    assert len(stage.jobs()) == 3
    stage.world.start_worker()
    until(lambda: all(job.terminal for job in stage.jobs()))
    newest = [i for i in stage.issued() if i.forecast_reference_time == START + 9 * STEP]
    assert sorted(issued.served for issued in newest)[-1:] == [True]
    assert sum(issued.served for issued in newest) == 1


def test_a_message_names_stream_and_time() -> None:
    assert frame_of("radar/20260701T233000Z") == ("radar", START)


def test_reindexing_finds_what_was_never_counted(stage: Stage) -> None:
    for slot in range(3):
        stage.put(slot)
    processing = stage.processing
    outcome = reindex(processing.stores, processing.scorer, processing.sums, "radar")
    assert (outcome.frames, outcome.counted) == (3, 3)
    assert reindex(processing.stores, processing.scorer, processing.sums, "radar").counted == 0


def compared(stage: Stage, method: str) -> list[int] | None:
    return stage.processing.sums.over("radar", EVER).get(f"5|forecasts|{method}")


def work(stage: Stage) -> Any:
    return stage.processing.scorer.pending("radar", EVER)


def test_a_challenger_forecasts_beside_the_champion_and_is_scored_not_served(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    name_models(tmp_path, "fake/1", "fake/2", challenger="fake/2")
    stage = Stage(make_world(models_dir=tmp_path, shadow_share=1), tmp_path)
    for slot in range(11):
        stage.put(slot, seed=slot)
        stage.on_frame(slot)
    stage.world.start_worker()
    until(lambda: len(stage.issued()) == 13)
    until(lambda: compared(stage, "challenger") and compared(stage, "model"))
    beside = [issued for issued in stage.issued() if "challenger" in issued.roles]
    assert {(issued.model_version, issued.served) for issued in beside} == {("2", False)}
    assert all(path.endswith("_challenger.json") for path in map(description_path, beside))
    latest = stage.processing.stores.forecasts.latest("radar")
    assert latest is not None
    assert (latest.model_version, latest.roles) == ("1", ("model", "canary"))
    sums = stage.processing.sums.over("radar", EVER)
    assert sum(sums["5|challenger|30"]) == sum(sums["5|model|30"])
    stage.processing.close()


def test_frames_are_drawn_for_the_challenger_alike_everywhere() -> None:
    times = [START + n * STEP for n in range(2000)]
    share = [is_sampled("radar", time, 0.1) for time in times]
    assert share == [is_sampled("radar", time, 0.1) for time in times]
    assert 150 < sum(share) < 250
    assert not any(is_sampled("radar", time, 0) for time in times)
    assert all(is_sampled("radar", time, 1) for time in times)
