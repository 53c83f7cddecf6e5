"""How often the frames of one POST are hashed and looked at pixel by pixel, counted in-process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from echocast.model.frames import Frames, content_sha256
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry
from echocast.service.decoding.operations import OPERATIONS
from echocast.service.decoding.uploads import Upload
from echocast.service.models.catalogue import Catalogue
from echocast.service.nowcasts.nowcasts import Nowcasts, UploadOptions
from echocast.workers.archive.archive import Archive
from echocast.workers.runtime.tracing import tracing_of
from echocast.workers.settings import WorkerSettings
from echocast.workers.tasks.nowcast import nowcast
from echocast.workers.worker import running_context
from tests.service.bodies import written
from tests.service.real_processes import engine, place
from tests.service.streams.stream_feed import frames

NO_TRACING = tracing_of("gateway", {})


class Children:
    """Does in this process what a child is asked for."""

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return OPERATIONS[request["op"]](request)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts hashes of frames, and frames whose every pixel is looked at."""
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            counts[name] += 1
            return function(*arguments)

        return count

    monkeypatch.setattr(Frames, "_check_finite", counted("validated", Frames._check_finite))
    hashing = counted("hashed", content_sha256)
    monkeypatch.setattr("echocast.model.frames.content_sha256", hashing)
    monkeypatch.setattr("echocast.workers.archive.frames_file.content_sha256", hashing)
    return counts


@pytest.fixture
def settings(models: Path) -> Iterator[WorkerSettings]:
    with place(models) as where, engine(where):
        yield WorkerSettings(data_dir=where.data, models_dir=models)


def upload(directory: Path) -> Upload:
    """Ten frames as input, two to verify."""
    sent = Upload("grid", directory)
    file = sent.open("frames.nc")
    file.write(written(frames()[:12]))
    sent.close()
    return sent


def load(settings: WorkerSettings, reference: str) -> Nowcaster:
    return Nowcaster.load(RegistryReader(settings.models_root).resolve(reference))


def test_the_frames_of_a_post_are_hashed_once_and_validated_once_by_each_process(
    settings: WorkerSettings, counts: Counter[str], tmp_path: Path
) -> None:
    sent, options = upload(tmp_path), UploadOptions(reference_time=frames().times[9])
    archive = Archive(settings.archive_root, free_space_floor_bytes=0)
    with running_context(settings, load) as context:
        catalogue = Catalogue(Registry(settings.models_root))
        nowcasts = Nowcasts(
            context.jobs, archive, catalogue, Children(), Mock(), Mock(), Mock(), NO_TRACING
        )
        counts.clear()
        job = asyncio.run(nowcasts.submit(sent, options, "me")).job
        assert counts["hashed"] == 2, "the input once, and the observations once"
        by_gateway = counts["validated"]
        nowcast(context, job.id)
        done = context.jobs.get(job.id)
    assert done is not None
    assert (done.status, done.verified) == ("succeeded", 1)
    assert counts["hashed"] == 4, "the worker checks what it reads, and knows the hash then"
    assert by_gateway <= 1
    assert counts["validated"] <= 3, "upload, input and observations"
