"""Forecasts as files: the archive's NetCDF as it is, other formats rendered by a child."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from echocast.model.errors import InputError
from echocast.service.decoding.pool import Pool, RenderingFailed
from echocast.service.decoding.scratch import Scratch
from echocast.service.http.formats import Format
from echocast.service.nowcasts.views import forecast_path
from echocast.workers.archive.archive import Archive
from echocast.workers.errors import NotInArchive
from echocast.workers.jobs.job import Job

PICTURES = ("png", "webp")


@dataclass(frozen=True)
class ForecastFiles:
    """Hands out forecasts."""

    archive: Archive
    renderers: Pool
    scratch: Scratch

    async def show(self, job: Job, wanted: Format, known_etags: str) -> Response:
        """The forecast of a job, or 304 where the caller has it already.

        Raises:
            ForecastNotReady: There is none (yet).
            NotInArchive: It was removed.
        """
        relative = forecast_path(job)
        headers = {
            "ETag": etag(job, wanted),
            "Vary": "Accept",
            "Cache-Control": "private, no-cache",
        }
        if headers["ETag"] in known_etags:
            return Response(status_code=304, headers=headers)
        source = self.archive.path(relative)
        if wanted.name == "netcdf":
            return _file(source, job, wanted, headers)
        directory = self.scratch.fresh()
        cleaning = BackgroundTask(rmtree, directory, ignore_errors=True)
        output = directory / f"forecast{wanted.suffix}"
        try:
            await self._render(job, wanted, source, output)
        except BaseException:
            rmtree(directory, ignore_errors=True)
            raise
        return _file(output, job, wanted, headers, cleaning)

    async def _render(self, job: Job, wanted: Format, source: Path, output: Path) -> None:
        request = {
            "op": "render",
            "format": wanted.name,
            "product": wanted.product,
            "forecast": str(source),
            "output": str(output),
            "inputs": self._kept(job.input_sha),
            "observed": [kept for sha in job.observation_shas if (kept := self._kept(sha))],
            "verification": job.verification,
        }
        try:
            await self.renderers.ask(request)
        except InputError as error:  # our own file: not the caller's fault
            raise RenderingFailed(f"The forecast could not be rendered: {error}") from error

    def _kept(self, sha: str) -> str | None:
        """The file of frames, or None where they were removed: the rest can still be shown."""
        try:
            return str(self.archive.frames_file(sha))
        except NotInArchive:
            return None


def etag(job: Job, wanted: Format) -> str:
    """Changes when the answer does: pictures show observations, the others do not."""
    scored = f"-{len(job.observation_shas)}-{job.verified}" if wanted.name in PICTURES else ""
    return f'"{job.id}-{job.generation}-{wanted.variant}{scored}"'


def _file(
    path: Path,
    job: Job,
    wanted: Format,
    headers: dict[str, str],
    background: BackgroundTask | None = None,
) -> FileResponse:
    return FileResponse(
        path,
        headers=headers,
        media_type=wanted.media_type,
        filename=f"nowcast_{job.forecast_reference_time:%Y%m%dT%H%MZ}_{job.id[:8]}{wanted.suffix}",
        content_disposition_type="inline" if wanted.name in PICTURES else "attachment",
        background=background,
    )
