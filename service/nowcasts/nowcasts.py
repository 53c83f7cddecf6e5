"""Nowcasts: what happens between an HTTP request and the job store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from echocast.model.errors import ContractViolation, InputError
from echocast.service.auth.account import current_account
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.uploads import Upload
from echocast.service.errors import ForecastNotReady, UnknownJob
from echocast.service.http.request_id import current_id
from echocast.service.http.traceparent import current_traceparent
from echocast.service.models.catalogue import Catalogue
from echocast.service.nowcasts.waiting import Waiting
from echocast.service.nowcasts.worker_presence import WorkerPresence
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.frames_file import description_of
from echocast.workers.errors import NotInArchive
from echocast.workers.jobs.end_line import log_stored_end
from echocast.workers.jobs.job import Job, JobRequest, Submission
from echocast.workers.jobs.store import JobStore
from echocast.workers.runtime.tracing import Tracing


@dataclass(frozen=True)
class UploadOptions:
    """What the query and the headers say about an upload.

    Args:
        reading: How its files are read, in the words of :meth:`.Reading.of_words`.
        reference_time: The newest frame at or before it ends the input; None: the newest.
        idempotency_key: The caller's own name for the request.
        leads: Lead times of the forecast; None: as many as the network makes.
    """

    reading: Mapping[str, Any] = field(default_factory=dict)
    reference_time: datetime | None = None
    idempotency_key: str | None = None
    leads: int | None = None


@dataclass(frozen=True)
class Nowcasts:
    """What the routes of nowcasts call; one method each."""

    store: JobStore
    archive: Archive
    catalogue: Catalogue
    decoders: Pool
    waiting: Waiting
    presence: WorkerPresence
    on_decoded: Callable[[float], object]
    """Called with the seconds that the decoding of an upload took."""
    tracing: Tracing

    async def submit(self, upload: Upload, options: UploadOptions, caller: str) -> Submission:
        """Decode an upload, store its frames, and submit the job.

        Raises:
            InputError: The upload is unreadable or breaks the input contract, or the lead times are
                too many.
            QueueFull: Too many jobs wait.
            IdempotencyConflict: The key came before with another body.
            DiskFull: Too little space is left.
        """
        name, version = self.catalogue.champion()
        body_sha = await self._body_sha(upload, options)
        network = self.catalogue.network(name, version)
        more: dict[str, Any] = {"input_frames": network.input_frames}
        if options.leads is not None:
            more |= {"leads": options.leads, "output_frames": network.output_frames}
        with self.tracing.span("decode"):
            decoded = await self._decode("decode", upload, options, **more)
        inputs, observations = decoded["inputs"], decoded["observations"]
        account = current_account.get()
        parts = upload.directory / "inputs", upload.directory / "observations"
        request = JobRequest(
            input_sha=await self._adopt(parts[0]),
            observation_sha=await self._adopt(parts[1]) if observations else None,
            forecast_reference_time=datetime.fromisoformat(inputs["newest_time"]),
            model_name=name,
            model_version=version,
            shape=tuple(inputs["shape"]),
            caller=caller,
            account=account.name,
            weight=account.weight,
            leads=options.leads,
            idempotency_key=options.idempotency_key,
            body_sha=body_sha,
            request_id=current_id.get(),
            traceparent=self.tracing.traceparent() or current_traceparent.get(),
        )
        with self.tracing.span("submit", attributes={"echocast.job": request.job_id}):
            return await asyncio.to_thread(self._submit_job, request)

    @staticmethod
    async def _body_sha(upload: Upload, options: UploadOptions) -> str:
        """Hash of the request where its key may come again with another body; else empty."""
        if options.idempotency_key is None:
            return ""
        leads = () if options.leads is None else (options.leads,)
        stated = options.reading, options.reference_time, *leads
        return await asyncio.to_thread(upload.sha256, *stated)

    def _submit_job(self, request: JobRequest) -> Submission:
        """The job of a request; one whose forecast was removed meanwhile runs again."""
        submission = self.store.submit(request)
        path = submission.job.forecast_path
        if path is None or self.archive.holds(path):
            return submission
        return self.store.submit(replace(request, lost_generation=submission.job.generation))

    async def observe(self, job_id: str, upload: Upload, options: UploadOptions) -> list[datetime]:
        """Add observations to a job and have them scored; the later times that fit no lead.

        Raises:
            UnknownJob: There is no such job.
            ForecastNotReady: The job ended without a forecast.
            InputError: The upload is unreadable, on another grid, or fits no lead; or the forecast
                is one of a stream.
            NotInArchive: What the forecast was made from is not stored any more.
        """
        job = await self.job(job_id)
        if job.terminal and job.status != "succeeded":
            raise ForecastNotReady(f"The nowcast is {job.status}; there is nothing to score.")
        decoded = await self._decode(
            "observe",
            upload,
            options,
            description=str(self._described(job)),
            leads=self._leads(job),
        )
        sha = await self._adopt(upload.directory / "observations")
        _known(await asyncio.to_thread(self.store.add_observations, job_id, sha), job_id)
        return [datetime.fromisoformat(time) for time in decoded["ignored_times"]]

    async def job(self, job_id: str) -> Job:
        """The job as it stands.

        Raises:
            UnknownJob: There is no such job, or the caller's key is bound to others.
        """
        job = _known(await asyncio.to_thread(self.store.get, job_id), job_id)
        key = current_account.get().key
        return _known(job if key is None or key.sees(job) else None, job_id)

    async def release(self, job_id: str, caller: str) -> Job:
        """End a caller's interest in a job; it is cancelled when no other caller needs it.

        An admin's key cancels it in any case.

        Raises:
            UnknownJob: There is no such job, or the caller's key is bound to others.
        """
        before = await self.job(job_id)
        key = current_account.get().key
        for_everybody = key is not None and key.covers("admin")
        release = partial(self.store.release, job_id, caller, for_everybody=for_everybody)
        job = _known(await asyncio.to_thread(release), job_id)
        if job.status == "cancelled" and not before.terminal:
            log_stored_end(job)
        return job

    async def wait(self, job_id: str, seconds: float) -> Job:
        """The job once it is finished and scored, or as it stands after ``seconds``."""
        return await self.waiting.until(job_id, lambda: self.job(job_id), finished, seconds)

    async def _decode(
        self, operation: str, upload: Upload, options: UploadOptions, **more: str | int
    ) -> dict[str, Any]:
        started = time.perf_counter()
        request = {
            "op": operation,
            "kind": upload.kind,
            "paths": [str(file.path) for file in upload.files],
            "directory": str(upload.directory),
            "reading": options.reading,
            "reference_time": _utc(options.reference_time),
            **more,
        }
        try:
            return await self.decoders.ask(request)
        except InputError as error:
            raise type(error)(upload.readable(str(error)), rule=error.rule) from error
        finally:
            self.on_decoded(time.perf_counter() - started)

    def _leads(self, job: Job) -> int:
        """How many lead times the forecast has, or will have."""
        if known := len(job.lead_minutes) or job.leads:
            return known
        return self.catalogue.network(job.model.name, job.model.version).output_frames

    def _described(self, job: Job) -> Path:
        """The file that says which grid and times observations have to fit."""
        if job.stream:
            raise ContractViolation(
                f"Forecasts of the stream {job.stream!r} are scored by the frames it is fed.",
                rule="stream-forecast",
            )
        try:
            return description_of(self.archive.frames_file(job.input_sha))
        except NotInArchive as error:
            raise NotInArchive(
                "The frames that the nowcast was made from are not stored any more, so that no"
                " observations can be compared with it."
            ) from error

    async def _adopt(self, directory: Path) -> str:
        """Take over the frames that a child stored, from where it had to store them."""
        return await asyncio.to_thread(self.archive.adopt_frames, directory)


def finished(job: Job) -> bool:
    """True where nothing more happens to the job by itself."""
    return job.terminal and not job.awaits_verification


def check_scored(job: Job) -> None:
    """Make sure that the observations of a finished job could be scored.

    Raises:
        ContractViolation: They could not.
    """
    if job.verification_error is not None:
        raise ContractViolation(job.verification_error.message, rule=job.verification_error.type)


def _known(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise UnknownJob(f"There is no nowcast with the id {job_id!r}.")
    return job


def _utc(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()
