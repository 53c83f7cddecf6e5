"""Forecasts of nowcasts as files: the archive's NetCDF as it is, other formats rendered anew."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from starlette.responses import Response

from echocast.service.decoding.rendering_cache import RenderingCache
from echocast.service.http.forecast_response import FileInFormat, forecast_response
from echocast.service.http.formats import Format
from echocast.service.nowcasts.views import forecast_path
from echocast.workers.archive.archive import Archive
from echocast.workers.errors import NotInArchive
from echocast.workers.jobs.job import Job
from echocast.workers.streams.stores import StreamStores


@dataclass(frozen=True)
class ForecastFiles:
    """Hands out forecasts of jobs."""

    archive: Archive
    stores: StreamStores
    renderings: RenderingCache

    async def serve(self, job: Job, form: Format, known_etags: str) -> Response:
        """The forecast of a job, or 304 where the caller has it already.

        Raises:
            ForecastNotReady: There is none (yet).
            NotInArchive: It was removed.
            ArchiveDamaged: It is damaged; the same request makes it again.
        """
        path, reduced = await asyncio.to_thread(self._path, job)
        return await forecast_response(
            form,
            known_etags,
            partial(self._file, job, form, path, reduced),
            tag=tag(job, form, reduced),
            name=f"nowcast_{job.forecast_reference_time:%Y%m%dT%H%MZ}_{job.id[:8]}",
            caching={"Cache-Control": "private, no-cache"},
        )

    def _path(self, job: Job) -> tuple[str, str]:
        """Where a job's forecast lies, and which of its reductions that is; empty: the whole.

        Raises:
            ForecastNotReady: There is none (yet).
        """
        path = forecast_path(job)
        if not job.stream:
            return path, ""
        issued = self.stores.forecasts.find(job.stream, job.forecast_reference_time, job.id)
        if issued is None or issued.reduced_to is None:
            return path, ""
        return issued.path, f"-reduced-{PurePosixPath(issued.path).stem[-16:]}"

    async def _file(self, job: Job, form: Format, path: str, reduced: str) -> FileInFormat:
        files = self.stores.files if job.stream else self.archive.files
        source = await asyncio.to_thread(files.local, path)
        if form.name == "netcdf":
            return source, None
        request: dict[str, Any] = {"forecast": str(source)}
        if form.is_picture:
            inputs, *observed = await asyncio.to_thread(self._frames_files, job)
            request["inputs"], request["observed"] = inputs, [path for path in observed if path]
            request["verification"] = job.verification
        return await self.renderings.file(tag(job, form, reduced), form, request)

    def _frames_files(self, job: Job) -> list[str | None]:
        """Files of input and observations; None where they are gone: the rest can be shown."""
        return [self._frames_file(sha) for sha in (job.input_sha, *job.observation_shas)]

    def _frames_file(self, sha: str) -> str | None:
        try:
            return str(self.archive.checked_frames_file(sha))
        except NotInArchive:
            return None


def tag(job: Job, form: Format, reduced: str) -> str:
    """Changes when the answer does: pictures show observations, the others do not."""
    scored = f"-{len(job.observation_shas)}-{job.verified}" if form.is_picture else ""
    return f"{job.id}-{job.generation}-{form.variant}{scored}{reduced}"
