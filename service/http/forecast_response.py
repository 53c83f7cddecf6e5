"""A forecast as an answer, for nowcasts and streams: entity tag, 304, media type, file name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from echocast.service.http.formats import Format

FileInFormat = tuple[Path, BackgroundTask | None]  # what to send, what to do afterwards


class LargeFileResponse(FileResponse):
    """A file sent in few pieces: each one costs a change of threads."""

    chunk_size = 4 * 1024 * 1024


async def forecast_response(
    form: Format,
    known_etags: str,
    make_file: Callable[[], Awaitable[FileInFormat]],
    *,
    tag: str,
    name: str,
    caching: Mapping[str, str],
) -> Response:
    """A forecast in a format, or 304 where the caller has it already.

    Args:
        form: What the caller asked for.
        known_etags: The ``If-None-Match`` header.
        make_file: Finds or renders the file; not called for a 304.
        tag: Changes when the answer does.
        name: Of the file to be saved, without suffix.
        caching: Headers that say how long the answer is fresh.
    """
    headers = {"ETag": f'"{tag}"', "Vary": "Accept, Accept-Encoding", **caching}
    if headers["ETag"] in known_etags:
        return Response(status_code=304, headers=headers)
    path, afterwards = await make_file()
    headers |= {"Content-Encoding": "gzip"} if form.zipped else {}
    return LargeFileResponse(
        path,
        headers=headers,
        media_type=form.media_type,
        filename=f"{name}{form.suffix}",
        content_disposition_type="inline" if form.is_picture else "attachment",
        background=afterwards,
    )
