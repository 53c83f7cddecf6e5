"""A gateway believes its own paths, not those that a child names, and reads no byte in vain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from echocast.service.decoding.uploads import Upload
from echocast.service.nowcasts.nowcasts import Nowcasts, UploadOptions
from echocast.workers.jobs.job import JobRequest
from echocast.workers.runtime.tracing import tracing_of

NO_TRACING = tracing_of("gateway", {})


def submitted(upload: Upload, options: UploadOptions, archive: Mock) -> JobRequest:
    """The job that a gateway makes of an upload; its child lies about where the frames are."""
    answer = {
        "directory": "/etc",
        "newest_time": "2026-07-01T12:00:00+00:00",
        "shape": [10, 16, 16],
    }
    decoders = Mock(ask=AsyncMock(return_value={"inputs": answer, "observations": answer}))
    catalogue, store = Mock(), Mock()
    catalogue.champion.return_value = ("tiny", "1")
    archive.adopt_frames.return_value = "a" * 64
    nowcasts = Nowcasts(store, archive, catalogue, decoders, Mock(), Mock(), Mock(), NO_TRACING)
    asyncio.run(nowcasts.submit(upload, options, ""))
    (request,) = store.submit.call_args.args
    assert isinstance(request, JobRequest)
    return request


def test_frames_are_taken_from_where_the_child_was_told_to_store_them(tmp_path: Path) -> None:
    archive = Mock()
    submitted(Upload("grid", tmp_path), UploadOptions(), archive)
    adopted = [call.args[0] for call in archive.adopt_frames.call_args_list]
    assert adopted == [tmp_path / "inputs", tmp_path / "observations"]


@pytest.mark.parametrize("key", [None, "mine"])
def test_a_body_is_hashed_only_where_its_key_may_come_again(
    tmp_path: Path, key: str | None
) -> None:
    upload = Upload("grid", tmp_path)
    file = upload.open("a.nc")
    file.write(b"not read here")
    upload.close()
    if key is None:
        file.path.unlink()  # whoever reads it again fails
    request = submitted(upload, UploadOptions(idempotency_key=key), Mock())
    assert request.body_sha == ("" if key is None else upload.sha256({}, None))
