"""The nowcast task: from a job id to its one terminal state."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from echocast.model.errors import EchocastError, InputError
from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.workers.archive.archive import Archive
from echocast.workers.errors import ClaimLost, DeadlinePassed, EngineUnavailable
from echocast.workers.inference.batcher import Batcher, BatchItem
from echocast.workers.inference.model_cache import LoadedNetworks
from echocast.workers.inference.protocol import Network
from echocast.workers.jobs.job import DEFAULT_PRODUCT, Job, JobError
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.jobs.leases import HeldJobs
from echocast.workers.jobs.store import JobStore
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.runtime.semaphore import Room
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.tasks.scoring import score

log = logging.getLogger("echocast.nowcast")


@dataclass(frozen=True, eq=False)
class Workshop:
    """Everything the tasks of one worker share.

    Args:
        jobs: The job hashes.
        archive: The files.
        networks: What is loaded.
        batcher: Runs the networks.
        held: Claims of this worker.
        places: For jobs; who must run alone takes all of them.
        pixels: Place for pixels x frames.
        metrics: Hears what happened.
        streams: Input and output of the jobs of streams.
    """

    jobs: JobStore
    archive: Archive
    networks: LoadedNetworks
    batcher: Batcher
    held: HeldJobs
    places: Room
    pixels: Room
    metrics: WorkerMetrics
    streams: StreamProcessing


def nowcast(shop: Workshop, job_id: str) -> None:
    """Run a job if it is still to be had; a job whose worker died once runs with no other."""
    with shop.held.expecting(job_id) as first:
        if first:
            _when_there_is_room(shop, job_id)


def _when_there_is_room(shop: Workshop, job_id: str) -> None:
    with shop.places.take(1):
        must_be_alone = _attempt(shop, job_id, alone=False)
    if must_be_alone:
        with shop.places.take(shop.places.capacity):
            _attempt(shop, job_id, alone=True)


def _attempt(shop: Workshop, job_id: str, *, alone: bool) -> bool:
    """Claim the job and run it; True where it can't be had in company.

    It is claimed when there is room for it: until then it waits in the queue, where its deadline
    counts, any worker may take it, and nobody holds the wait against it.
    """
    waiting = shop.jobs.get_waiting(job_id)
    if waiting is None:
        return False
    with shop.pixels.take(_cost(waiting)):
        if shop.held.closed:
            return False
        claim = shop.held.new_claim()
        job = shop.jobs.claim(job_id, claim, shop.held.incarnation, alone=alone)
        if isinstance(job, str):
            return job == "alone"
        with shop.held.holding(claim, job.id):
            _Run(shop, job, claim, alone=alone).to_the_end()
    return False


class _Run:
    """One claimed job on its way through the phases."""

    def __init__(self, shop: Workshop, job: Job, claim: str, *, alone: bool) -> None:
        self.shop, self.job, self.claim, self.alone = shop, job, claim, alone
        self.started = time.monotonic()
        self.timings = {"queue": _queue_seconds(job)}

    def to_the_end(self) -> None:
        """The task boundary: whatever happens, the job gets its terminal state."""
        try:
            self._succeed(self._forecast())
        except EngineUnavailable:
            raise  # nothing can be written down; the lease lapses and the job runs again
        except ClaimLost:
            log.info("Job %s was cancelled or given away.", self.job.id)
        except DeadlinePassed as error:
            self._end("expired", error=JobError("deadline", str(error)).__dict__)
        except EchocastError as error:
            self._fail(JobError(_kind(error), str(error)))
        except Exception as error:
            log.exception("Job %s failed unexpectedly.", self.job.id)
            message = f"An unexpected error ended the job: {type(error).__name__}."
            self._fail(JobError("internal", message))

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        with self.shop.held.working(self.claim):
            yield
        self.timings[name] = time.monotonic() - start

    def _forecast(self) -> ForecastStream:
        with self._phase("load"):
            network = self._network()
            given = self._input()
        if given.without_network is not None:
            return given.without_network.stream()
        frames, notes = [given.frames], given.quality
        del given
        prepared: list[Any] = []

        def prepare() -> BatchItem:
            with self._phase("prepare"):
                prepared.append(network.prepare(frames.pop()))  # not held while the network runs
            return self._item(network, prepared[0])

        result = self.shop.batcher.run(prepare)
        self.timings.update(wait=result.wait_seconds, network=result.network_seconds)
        forecast = network.stream(prepared[0], result.prediction)
        return forecast.with_notes({**notes, **_stand_in_note(self.job, forecast.model)})

    def _network(self) -> Network:
        """The one that was asked for; where it is refused here, the one that serves goes on.

        What is made to be compared with the champion is made by no other than was asked for.
        """
        to_serve = self.job.product == DEFAULT_PRODUCT
        return self.shop.networks.get(self.job.model, or_champion=to_serve)

    def _input(self) -> JobInput:
        if self.job.stream:
            return self.shop.streams.forecasting.inputs(self.job)
        return JobInput(self.shop.archive.load_frames(self.job.input_sha))

    def _item(self, network: Network, prepared: Any) -> BatchItem:
        left = self.shop.jobs.policy.deadline_seconds - _queue_seconds(self.job)
        is_lost = partial(self.shop.held.is_lost, self.claim)
        return BatchItem(network, prepared, self.alone, self.started + left, is_lost)

    def _succeed(self, forecast: ForecastStream) -> None:
        """Finish and write the forecast, then score it until no observation came meanwhile."""
        with self._phase("write"):
            path = self._kept(replace(forecast, parts=self._finished(forecast.parts)))
        self.timings["write"] -= self.timings.get("finish", 0)
        result = _result(forecast, path)
        job = self.job
        while True:
            scores = self._scores(job, path)
            outcome = self._end("succeeded", job.observation_shas, **scores, result=result)
            if not isinstance(outcome, tuple):
                break
            job = replace(job, observation_shas=outcome)
        if outcome == "finished" and "verification" in scores:
            self.shop.metrics.on_scores(scores["verification"], None)

    def _finished(self, parts: Iterator[Forecast]) -> Iterator[Forecast]:
        """Each part when it is asked for, as long as the job is held."""
        while True:
            if self.shop.held.is_lost(self.claim):
                raise ClaimLost("The job was cancelled or given away.")
            start = time.monotonic()
            part = next(parts, None)
            self.shop.held.moved(self.claim)
            self.timings["finish"] = self.timings.get("finish", 0) + time.monotonic() - start
            if part is None:
                return
            yield part
            del part

    def _kept(self, forecast: ForecastStream) -> str:
        """Where the forecast's file lies in the archive."""
        if self.job.stream:
            return self.shop.streams.issue(self.job, forecast)
        answered = replace(self.job, model=forecast.model)
        return self.shop.archive.put_forecast(answered, partial(write_forecast_stream, forecast))

    def _scores(self, job: Job, forecast_path: str) -> dict[str, Any]:
        """The fields of the job hash that tell how good the forecast is."""
        if not job.observation_shas:
            return {}
        with self._phase("verify"):
            scores, problem = score(self.shop.archive, job, forecast_path)
        if problem is None:
            return {"verification": scores}
        return {"verification": scores, "verification_error": problem.__dict__}

    def _fail(self, error: JobError) -> None:
        self.shop.metrics.errors.labels(error.type).inc()
        self._end("failed", error=error.__dict__)

    def _end(
        self,
        status: str,
        scored: tuple[str, ...] = (),
        result: dict[str, Any] | None = None,
        **fields: Any,
    ) -> str | tuple[str, ...]:
        self.timings["total"] = self.timings["queue"] + time.monotonic() - self.started
        timings = {name: round(seconds, 6) for name, seconds in self.timings.items()}
        result = {**(result or {}), "timings": timings}
        jobs = self.shop.jobs
        outcome = jobs.finish(self.job, self.claim, status, scored, result=result, **fields)
        if outcome == "finished":
            self.shop.metrics.on_end(status, timings)
        return outcome


def _result(forecast: ForecastStream, path: str) -> dict[str, Any]:
    return {
        "forecast_path": path,
        "model": [forecast.model.name, forecast.model.version],
        "weights_sha256": forecast.model.weights_sha256,
        "valid_times": [time.isoformat() for time in forecast.valid_times],
        "lead_minutes": forecast.lead_minutes,
        "quality": dict(forecast.quality),
    }


def _stand_in_note(job: Job, model: ModelIdentity) -> dict[str, str]:
    """Says so where another model answers than was asked for."""
    asked, answered = (f"{m.name}/{m.version}" for m in (job.model, model))
    return {} if asked == answered else {"model": f"{asked} was refused here; {answered} answered."}


def _cost(job: Job) -> int:
    frames, height, width = job.shape
    return frames * height * width


def _queue_seconds(job: Job) -> float:
    return ((job.started or job.created) - job.created).total_seconds()


def _kind(error: EchocastError) -> str:
    """``OutOfMemory`` -> ``out-of-memory``; a broken rule is named by the rule."""
    if isinstance(error, InputError):
        return error.rule
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
