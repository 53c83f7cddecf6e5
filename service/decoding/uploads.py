"""Uploads: a request body as files on disk, written as it arrives, never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect

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
NAME_LENGTH = 100


@dataclass(eq=False)
class UploadedFile:
    """One file of an upload: where it lies, what the caller calls it, and its running hash."""

    path: Path
    name: str
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.handle: BinaryIO = self.path.open("wb")

    def write(self, data: bytes) -> None:
        """Append bytes that arrived."""
        self.digest.update(data)
        self.handle.write(data)

    def close(self) -> None:
        """No more bytes arrive."""
        self.handle.close()


@dataclass(eq=False)
class Upload:
    """What one request brought.

    Args:
        kind: ``json`` (one JSON body) or ``grid`` (NetCDF or HDF5 files).
        directory: Where the files lie; the caller removes it.
        files: The files in the order they came.
    """

    kind: str
    directory: Path
    files: list[UploadedFile] = field(default_factory=list)

    def open(self, name: str) -> UploadedFile:
        """A new file, ready to be written; ``name`` is only shown, never a path."""
        path = self.directory / f"upload-{len(self.files):04d}"
        self.files.append(UploadedFile(path, name))
        return self.files[-1]

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()

    def sha256(self, *options: object) -> str:
        """Hash of everything the caller sent: contents and options, not file names."""
        parts = [self.kind, *(file.digest.hexdigest() for file in self.files), repr(options)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def readable(self, message: str) -> str:
        """A message in which the caller's file names stand instead of ours."""
        for file in self.files:
            message = message.replace(str(file.path), file.name).replace(file.path.name, file.name)
        return message


def shown(name: str) -> str:
    """A caller's file name made harmless for answers and log lines."""
    return re.sub(r"[^\w.+-]", "_", name, flags=re.ASCII)[-NAME_LENGTH:] or "file"


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
    from echocast.service.decoding.multipart import MultipartFiles

    parser = MultipartFiles(boundary, upload, files_limit)
    async for data in stream:
        parser.feed(data)
    parser.finish()
