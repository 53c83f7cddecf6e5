"""The scores of a job: its forecast against all observations, counted anew each time.

A recount from all observations gives the same answer however often and in whatever order it is
done; adding to earlier scores would count twice when a worker dies between two writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echocast.model.formats.forecast_reader import read_methods
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.verification.forecast_scores import verify_forecast_stream
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.frames_file import map_stored
from echocast.workers.errors import ArchiveError
from echocast.workers.jobs.job import Job, JobError


def score(archive: Archive, job: Job, forecast_path: str) -> tuple[dict[str, Any], JobError | None]:
    """The job's scores as JSON, stored in the archive, and what was wrong with observations.

    The values in the forecast's file are scored, as a reader gets them after packing.

    Args:
        archive: Holds the forecast and the observations and takes the scores.
        job: Whose observations count.
        forecast_path: Where its forecast lies in the archive.

    Raises:
        NotInArchive: There is no such file.
        InputError: The file is damaged.
    """
    forecast = read_methods(archive.files.local(forecast_path))
    observed, problem = _observations(archive, job.observation_shas, forecast.grid)
    scores = verify_forecast_stream(forecast, observed).to_json()
    archive.put_verification(job, scores)
    return scores, problem


def _observations(
    archive: Archive, shas: Sequence[str], grid: Grid
) -> tuple[Frames | None, JobError | None]:
    """All usable observations as one; the last problem found with any of them."""
    usable: list[Frames] = []
    problem = None
    for sha in shas:
        try:
            frames = map_stored(archive.checked_frames_file(sha))
        except ArchiveError as error:
            problem = JobError("observations-missing", str(error))
            continue
        if frames.grid.same_as(grid):
            usable.append(frames)
        else:
            message = f"Observations {sha} are on another grid than the forecast and don't count."
            problem = JobError("grid", message)
    return Frames.overlaid(usable) if usable else None, problem
