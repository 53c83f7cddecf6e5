"""Receive a request body: written to disk as it arrives, never whole in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path

from starlette.requests import ClientDisconnect

from echocast.service.decoding.multipart import MultipartFiles
from echocast.service.decoding.uploads import Upload, shown
from echocast.service.errors import BodyTooSlow, MalformedBody, UnsupportedMediaType

JSON_TYPES = ("application/json",)
GRID_TYPES = (
    "application/x-netcdf",
    "application/netcdf",
    "application/x-netcdf4",
    "application/x-hdf5",
    "application/x-hdf",
    "application/vnd.odim-h5",
    "application/octet-stream",  # files are known by their content
)
MULTIPART_TYPE = "multipart/form-data"


def media_type(content_type: str | None) -> tuple[str, str]:
    """The media type and multipart boundary of a ``Content-Type`` header.

    Raises:
        UnsupportedMediaType: We do not read this type.
    """
    message = Message()
    message["content-type"] = content_type or ""
    kind = message.get_content_type() if content_type else ""
    if kind not in (*JSON_TYPES, *GRID_TYPES, MULTIPART_TYPE):
        raise UnsupportedMediaType(
            "Send application/json, application/x-netcdf, application/x-hdf5 or"
            f" multipart/form-data, not {_type_shown(kind)}."
        )
    return kind, str(message.get_param("boundary", ""))


def _type_shown(kind: str) -> str:
    return "/".join(map(shown, kind.split("/"))) if kind else "a body without content type"


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
        async with asyncio.timeout(seconds):
            if kind == MULTIPART_TYPE:
                await _receive_multipart(stream, boundary, upload, files_limit)
            else:
                await _receive_plain(stream, upload)
    except ClientDisconnect as error:
        raise MalformedBody("The connection broke while the body arrived.") from error
    except TimeoutError as error:
        raise BodyTooSlow(f"The body did not arrive within {seconds:g} seconds.") from error
    finally:
        upload.close()
    return upload


async def _receive_plain(stream: AsyncIterator[bytes], upload: Upload) -> None:
    file = upload.open("The body")
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
