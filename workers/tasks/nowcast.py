"""The nowcast task: from a job id to its one terminal state."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from echocast.model.errors import EchocastError, InputError
from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.workers.errors import (
    ClaimLost,
    DeadlinePassed,
    EngineUnavailable,
    OutOfMemory,
    Shortage,
    Superseded,
    UnknownStream,
    shortage_of,
)
from echocast.workers.inference.batch import BatchItem
from echocast.workers.inference.protocol import ServedModel
from echocast.workers.jobs.end_line import log_end
from echocast.workers.jobs.job import DEFAULT_PRODUCT, Job, JobError
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.tasks.claim import Claimed, claim_next
from echocast.workers.tasks.context import WorkerContext
from echocast.workers.tasks.job_scores import score

log = logging.getLogger("echocast.nowcast")


def nowcast(context: WorkerContext, message: str) -> None:
    """Run jobs as their turns come, until none waits; a job whose worker died once runs alone."""
    while _run_next(context, message) and not context.leases.stopping:
        message = ""


def _run_next(context: WorkerContext, message: str) -> bool:
    """Run one job; false where there was none for this thread."""
    with ExitStack() as room:
        claimed = claim_next(context, message, room)
        if claimed is not None:
            job = claimed.job
            with context.tracing.span("nowcast", job.traceparent, _about(job)):
                _Run(context, claimed).to_the_end()
    return claimed is not None


class _Run:
    """One claimed job on its way through the phases."""

    def __init__(self, context: WorkerContext, claimed: Claimed) -> None:
        self.context = context
        self.job, self.claim, self.alone = claimed
        self.started = time.monotonic()
        self.timings = {"queue": _queue_seconds(self.job)}

    def to_the_end(self) -> None:
        """The task boundary: the job gets its terminal state, or another attempt."""
        try:
            self._succeed(replace(self._forecast(), institution=self.context.institution))
        except EngineUnavailable:
            raise  # nothing can be stored; the lease lapses and the job runs again
        except ClaimLost:
            log.info("Job %s was cancelled or given away.", self.job.id)
        except (UnknownStream, Superseded) as error:
            log.info("Job %s is cancelled: %s", self.job.id, error)
            self._end("cancelled")
        except DeadlinePassed as error:
            self._end("expired", error=JobError("deadline", str(error)).__dict__)
        except Exception as error:
            if shortage := shortage_of(error):
                self._try_later(shortage)
            else:
                self._fail(self._failure(error))

    def _try_later(self, shortage: Shortage) -> None:
        """Another attempt may succeed, here or elsewhere; after the last one the job fails."""
        self.context.metrics.shortages.labels(_kind(shortage)).inc()
        log.warning("Job %s can't be done now: %s", self.job.id, shortage)
        alone = isinstance(shortage, OutOfMemory)
        outcome = self.context.jobs.try_later(self.job.id, self.claim, alone=alone)
        if outcome == "exhausted":
            message = f"{shortage} The job was tried {self.job.attempts} times."
            self._fail(JobError(_kind(shortage), message))

    def _failure(self, error: Exception) -> JobError:
        if isinstance(error, EchocastError):
            return JobError(_kind(error), str(error))
        log.error("Job %s failed unexpectedly.", self.job.id, exc_info=error)
        name = type(error).__name__
        return JobError("internal", f"An unexpected error ended the job: {name}.")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        with self.context.tracing.span(name), self.context.leases.working(self.claim):
            yield
        self.timings[name] = time.monotonic() - start

    def _forecast(self) -> ForecastStream:
        with self._phase("load"):
            if self.job.stream:  # before a model is loaded for nothing
                self.context.streams.forecasting.check_due(self.job)
            model = self._model()
            job_input = self._input(model)
        if job_input.without_network is not None:
            return job_input.without_network.stream()
        frames, sha256, notes = [job_input.frames], job_input.sha256, job_input.quality
        del job_input
        prepared: list[Any] = []

        def prepare() -> BatchItem:
            with self._phase("prepare"):
                prepared.append(model.prepare(frames.pop(), sha256))  # frames are freed here
            return self._item(model, prepared[0])

        result = self.context.batcher.run(prepare)
        self.timings.update(wait=result.wait_seconds, network=result.network_seconds)
        self.context.tracing.past("network", result.network_seconds)
        forecast = model.stream(prepared[0], result.prediction, self.job.leads)
        return forecast.with_notes({**notes, **_substitute_note(self.job, forecast.model)})

    def _model(self) -> ServedModel:
        """The model that was asked for, or the champion where that one is refused here.

        A forecast that is made to be compared with the champion has no such substitute.
        """
        to_serve = self.job.product == DEFAULT_PRODUCT
        return self.context.models.get(self.job.model, or_champion=to_serve)

    def _input(self, model: ServedModel) -> JobInput:
        if self.job.stream:
            lengths = model.input_frames, self.job.leads or model.output_frames
            return self.context.streams.forecasting.inputs(self.job, *lengths)
        sha256 = self.job.input_sha
        return JobInput(self.context.archive.load_frames(sha256), sha256=sha256)

    def _item(self, model: ServedModel, prepared: Any) -> BatchItem:
        left = self.context.jobs.policy.deadline_seconds - _queue_seconds(self.job)
        is_lost = partial(self.context.leases.is_lost, self.claim)
        return BatchItem(
            model,
            prepared,
            self.alone,
            self.started + left,
            is_lost,
            account=self.job.account,
            turn=self.job.turn,
        )

    def _succeed(self, forecast: ForecastStream) -> None:
        """Write the forecast, then score it until no further observation came meanwhile."""
        with self._phase("write"):
            path = self._stored(replace(forecast, parts=self._finished(forecast.parts)))
            self.context.tracing.note({"echocast.file": path})
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
            self.context.metrics.on_scores(scores["verification"], None)

    def _finished(self, parts: Iterator[Forecast]) -> Iterator[Forecast]:
        """Each part when it is needed, as long as the lease is not lost."""
        while True:
            if self.context.leases.is_lost(self.claim):
                raise ClaimLost("The job was cancelled or given away.")
            start = time.monotonic()
            part = next(parts, None)
            self.context.leases.moved(self.claim)
            self.timings["finish"] = self.timings.get("finish", 0) + time.monotonic() - start
            if part is None:
                return
            yield part
            del part

    def _stored(self, forecast: ForecastStream) -> str:
        """Write the forecast's file; its path in the archive."""
        if self.job.stream:
            return self.context.streams.issue(self.job, forecast)
        answered = replace(self.job, model=forecast.model)
        return self.context.archive.put_forecast(answered, partial(write_forecast_stream, forecast))

    def _scores(self, job: Job, forecast_path: str) -> dict[str, Any]:
        """The fields of the job hash with the scores of the forecast."""
        if not job.observation_shas:
            return {}
        with self._phase("verify"):
            scores, problem = score(self.context.archive, job, forecast_path)
        if problem is None:
            return {"verification": scores}
        return {"verification": scores, "verification_error": problem.__dict__}

    def _fail(self, error: JobError) -> None:
        self.context.metrics.errors.labels(error.type).inc()
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
        jobs = self.context.jobs
        outcome = jobs.finish(self.job, self.claim, status, scored, result=result, **fields)
        if outcome == "finished":
            self.context.metrics.on_end(status, timings)
            self.context.tracing.note({"echocast.status": status})
            if error := fields.get("error"):
                self.context.tracing.failed(f"{error['type']}: {error['message']}")
            log_end(self.job, status, timings, fields.get("error"))
        return outcome


def _result(forecast: ForecastStream, path: str) -> dict[str, Any]:
    return {
        "forecast_path": path,
        "model": [forecast.model.name, forecast.model.version],
        "weights_sha256": forecast.model.weights_sha256,
        "valid_times": [time.isoformat() for time in forecast.valid_times],
        "lead_minutes": forecast.lead_minutes,
        "lead_sources": list(forecast.lead_sources),
        "quality": dict(forecast.quality),
    }


def _substitute_note(job: Job, model: ModelIdentity) -> dict[str, str]:
    """A note where another model answers than was asked for."""
    requested, answered = (f"{m.name}/{m.version}" for m in (job.model, model))
    if requested == answered:
        return {}
    return {"model": f"{requested} was refused here; {answered} answered."}


def _about(job: Job) -> dict[str, str | int]:
    """Attributes of a job's span."""
    return {
        "echocast.job": job.id,
        "echocast.stream": job.stream,
        "echocast.request_id": job.request_id,
        "echocast.attempt": job.attempts,
    }


def _queue_seconds(job: Job) -> float:
    return ((job.started or job.created) - job.created).total_seconds()


def _kind(error: EchocastError) -> str:
    """``OutOfMemory`` -> ``out-of-memory``; a broken rule is named by the rule."""
    if isinstance(error, InputError):
        return error.rule
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
