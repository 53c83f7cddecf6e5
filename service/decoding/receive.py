"""Receive a request body: written to disk as it arrives, never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from python_multipart.multipart import parse_options_header

from echocast.model.formats.file_names import safe_name
from echocast.service.decoding.multipart import MultipartFiles
from echocast.service.decoding.uploads import BODY, Upload
from echocast.service.errors import MalformedBody
from echocast.service.http.arrival import arriving
from echocast.service.http.media_types import JSON_TYPES, MULTIPART_TYPE, media_type


async def receive_upload(
    stream: AsyncIterator[bytes],
    content_type: str | None,
    content_disposition: str | None,
    directory: Path,
    *,
    seconds: float,
    files_limit: int,
) -> Upload:
    """Write a request body to files in ``directory``.

    Args:
        stream: The body.
        content_type: Header.
        content_disposition: Header; its ``filename`` is the name of a body that is one file.
        directory: Where the files go.
        seconds: How long the body may take.
        files_limit: Most files of a multipart body.

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
                await _receive_plain(stream, _name(content_disposition), upload)
    finally:
        upload.close()
    return upload


async def _receive_plain(stream: AsyncIterator[bytes], name: str, upload: Upload) -> None:
    file = upload.open(name)
    async for data in stream:
        file.write(data)
    if not file.handle.tell():
        raise MalformedBody("The body is empty.")


def _name(content_disposition: str | None) -> str:
    """What a caller calls a body that is one file."""
    _, options = parse_options_header(content_disposition or "")
    name = options.get(b"filename", b"").decode("utf-8", "replace")
    return safe_name(name) if name else BODY


async def _receive_multipart(
    stream: AsyncIterator[bytes], boundary: str, upload: Upload, files_limit: int
) -> None:
    parser = MultipartFiles(boundary, upload, files_limit)
    async for data in stream:
        parser.feed(data)
    parser.finish()
