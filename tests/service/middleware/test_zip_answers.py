"""Answers in gzip: which, for whom, and what their entity tags say."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from echocast.service.middleware.zip_answers import LEAST_BYTES, ZipAnswers

LONG = "rain " * LEAST_BYTES
ETAG, CODED = '"abc"', b"x" * 5000
TYPES = {
    "json": "application/json",
    "geojson": "application/geo+json",
    "text": "text/plain",
    "netcdf": "application/x-netcdf",
    "npz": "application/x-npz",
    "bytes": "application/octet-stream",
    "png": "image/png",
    "tiff": "image/tiff",
    "events": "text/event-stream",
}


async def typed(request: Request) -> Response:
    if ETAG in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": ETAG})
    kind = TYPES[request.path_params["kind"]]
    return Response(LONG, media_type=kind, headers={"ETag": ETAG})


async def short(_: Request) -> Response:
    return JSONResponse("rain", headers={"ETag": ETAG})


async def already(_: Request) -> Response:
    return Response(CODED, headers={"ETag": ETAG, "Content-Encoding": "br"})


async def in_parts(_: Request) -> Response:
    return StreamingResponse((LONG for _ in range(3)), media_type="application/json")


def app() -> Starlette:
    """Answers of all kinds."""
    routes = [
        Route("/short", short),
        Route("/already", already),
        Route("/parts", in_parts),
        Route("/{kind}", typed),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(ZipAnswers)
    return app


def asked(path: str, encoding: str = "gzip, br", **more: str) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it was sent."""

    async def ask() -> tuple[httpx.Response, bytes]:
        transport = httpx.ASGITransport(app())
        headers = {"Accept-Encoding": encoding, **more}
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            return answer, b"".join([part async for part in answer.aiter_raw()])

    return asyncio.run(ask())


def unzipped(body: bytes) -> str:
    return gzip.decompress(body).decode()


@pytest.mark.parametrize("kind", ["json", "geojson", "text"])
def test_text_is_compressed_under_a_weak_tag(kind: str) -> None:
    answer, body = asked(f"/{kind}")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == f"W/{ETAG}"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert int(answer.headers["content-length"]) == len(body) < len(LONG) / 10
    assert unzipped(body) == LONG


@pytest.mark.parametrize("kind", ["netcdf", "npz", "bytes", "png", "tiff", "events"])
def test_pictures_files_and_events_stay_as_they_are(kind: str) -> None:
    answer, body = asked(f"/{kind}")
    assert "content-encoding" not in answer.headers
    assert answer.headers["etag"] == ETAG
    assert body == LONG.encode()


@pytest.mark.parametrize("encoding", ["identity", "gzip;q=0", "br", ""])
def test_who_reads_no_gzip_gets_none(encoding: str) -> None:
    answer, _ = asked("/json", encoding)
    assert "content-encoding" not in answer.headers
    assert answer.headers["etag"] == ETAG
    assert "accept-encoding" in answer.headers["vary"].lower()


def test_a_tag_of_either_form_is_answered_by_304() -> None:
    for known in (ETAG, f"W/{ETAG}"):
        answer, body = asked("/json", **{"If-None-Match": known})
        assert (answer.status_code, body) == (304, b"")


def test_what_is_short_or_compressed_already_stays() -> None:
    assert "content-encoding" not in asked("/short")[0].headers
    answer, body = asked("/already")
    assert (answer.headers["content-encoding"], answer.headers["etag"]) == ("br", ETAG)
    assert body == CODED


def test_an_answer_in_parts_is_compressed_part_by_part() -> None:
    answer, body = asked("/parts")
    assert answer.headers["content-encoding"] == "gzip"
    assert unzipped(body) == 3 * LONG
