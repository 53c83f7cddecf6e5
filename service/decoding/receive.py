"""Receive a request body: written to disk as it arrives, never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from echocast.service.decoding.multipart import MultipartFiles
from echocast.service.decoding.uploads import BODY, Upload
from echocast.service.errors import MalformedBody
from echocast.service.http.arrival import arriving
from echocast.service.http.media_types import JSON_TYPES, MULTIPART_TYPE, media_type


async def receive_upload(
    stream: AsyncIterator[bytes],
    content_type: str | None,
    directory: Path,
    *,
    seconds: float,
    files_limit: int,
) -> Upload:
    """Write a request body to files in ``directory``.

    Raises:
        UnsupportedMediaType: We do not read this content type.
        MalformedBody: The body is empty, or the multipart body is broken or has too many files.
        BodyTooSlow: It took longer than ``seconds``.
    """
    kind, boundary = media_type(content_type)
    upload = Upload("json" if kind in JSON_TYPES else "grid", directory)
    try:
        async with arriving(seconds):
            if kind == MULTIPART_TYPE:
                await _receive_multipart(stream, boundary, upload, files_limit)
            else:
                await _receive_plain(stream, upload)
    finally:
        upload.close()
    return upload


async def _receive_plain(stream: AsyncIterator[bytes], upload: Upload) -> None:
    file = upload.open(BODY)
    async for data in stream:
        file.write(data)
    if not file.handle.tell():
        raise MalformedBody("The body is empty.")


async def _receive_multipart(
    stream: AsyncIterator[bytes], boundary: str, upload: Upload, files_limit: int
) -> None:
    parser = MultipartFiles(boundary, upload, files_limit)
    async for data in stream:
        parser.feed(data)
    parser.finish()
