"""Maps: the time line of a stream's images, whole images, and tiles for apps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from echocast.model.imagery.mercator import MercatorWindow
from echocast.service.dependencies import AppResources, MapAccess, MapReader
from echocast.service.errors import UnknownImage
from echocast.service.http.openapi_problems import refusals
from echocast.service.imagery.drawing import Style
from echocast.service.imagery.open_images import Image
from echocast.service.imagery.schemas import StreamMap
from echocast.service.imagery.stream_maps import StreamMaps, at_time
from echocast.service.imagery.tile_clients import tile_style, tile_window, weather_maps

router = APIRouter(tags=["maps"])

IMMUTABLE_SECONDS = 365 * 86400
NEWEST_SECONDS = 60  # for which "the newest" may be the one before


@dataclass(frozen=True)
class Drawn:
    """A picture, of which image, and in which format."""

    image: Image
    content: bytes
    form: str


Etags = Annotated[str, Header(alias="if-none-match")]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,40}\.(png|webp)$")]
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}, "image/webp": {}}},
    **refusals(401, 404),
}
RAIN = "rain"


@router.get("/streams/{name}/map", response_model=StreamMap, responses=refusals(401, 404))
async def show_map(
    resources: AppResources, access: MapReader, if_none_match: Etags = ""
) -> Response:
    """The time line of a stream's images: observed ones of two hours, then the newest forecast."""
    view = await asyncio.to_thread(resources.maps.map, access.stream)
    return _json(view.model_dump(mode="json"), access, if_none_match)


@router.get("/streams/{name}/images/{image_id}/{file}", response_class=Response, responses=PICTURES)
async def show_image(
    image_id: str,
    file: FileName,
    resources: AppResources,
    access: MapReader,
    if_none_match: Etags = "",
) -> Response:
    """One layer of one time: 8-bit grey in Web Mercator, north up, stretched over ``bounds`` of the
    map. What the codes mean stands at ``layers`` of the map.
    """
    layer, _, form = file.rpartition(".")
    style = Style(form="webp" if form == "webp" else "png")

    def draw() -> Drawn:
        maps = resources.maps
        image = maps.image(access.stream, image_id)
        return Drawn(image, maps.whole(access.stream, image_id, layer, style), style.form)

    return await _picture(draw, f"-{file}", access, if_none_match)


@router.get("/public/weather-maps.json", responses=refusals(401, 404))
@router.get("/streams/{name}/public/weather-maps.json", responses=refusals(401, 404))
async def list_tiles(
    request: Request, resources: AppResources, access: MapReader, if_none_match: Etags = ""
) -> Response:
    """The images of a stream as clients of RainViewer's API (version 2) read them."""
    images = await asyncio.to_thread(resources.maps.images, access.stream)
    host = resources.settings.public_url or str(request.base_url).rstrip("/")
    return _json(weather_maps(host, _root(request), images), access, if_none_match, "generated")


@router.get(
    "/v2/radar/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    response_class=Response,
    responses=PICTURES,
)
@router.get(
    "/streams/{name}/v2/radar/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    response_class=Response,
    responses=PICTURES,
)
async def show_tile(
    frame: str,
    size: str,
    zoom: str,
    x: str,
    y: str,
    colour: str,
    options: str,
    resources: AppResources,
    access: MapReader,
    if_none_match: Etags = "",
) -> Response:
    """A tile of an image: ``frame`` is an id of the list, seconds since 1970, or 0, the newest.

    With a dot in them, ``x`` and ``y`` are latitude and longitude of the middle of the picture.
    """
    window, style = tile_window(size, zoom, x, y), tile_style(colour, options)
    tile = partial(_tile, resources.maps, access.stream, frame, window, style)
    tag = f"-{size}-{zoom}-{x}-{y}-{colour}-{options}"
    return await _picture(tile, tag, access, if_none_match, lasting="-" in frame)


@router.get(
    "/v2/coverage/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    response_class=Response,
    responses=PICTURES,
)
@router.get(
    "/streams/{name}/v2/coverage/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    response_class=Response,
    responses=PICTURES,
)
async def show_coverage(
    frame: Literal["0"],
    size: str,
    zoom: str,
    x: str,
    y: str,
    colour: str,
    options: str,
    resources: AppResources,
    access: MapReader,
    if_none_match: Etags = "",
) -> Response:
    """A tile that is dark where no radar looked when the newest image was made."""
    window, asked = tile_window(size, zoom, x, y), tile_style(colour, options)
    style = Style("coverage", form=asked.form)
    tile = partial(_tile, resources.maps, access.stream, frame, window, style)
    tag = f"-coverage-{size}-{zoom}-{x}-{y}-{options}"
    return await _picture(tile, tag, access, if_none_match, lasting=False)


def image_of(maps: StreamMaps, stream: str, frame: str) -> Image:
    """The image that a path names.

    Raises:
        UnknownImage: There is none, or it is no longer stored.
    """
    if not frame.isascii() or not frame.isdigit() or len(frame) > 12:
        return maps.image(stream, frame)
    time = datetime.fromtimestamp(int(frame), UTC) if int(frame) else None
    image = at_time(maps.images(stream), time)
    if image is None:
        raise UnknownImage(f"The stream {stream!r} has no image of that time.")
    return image


def _root(request: Request) -> str:
    name = request.path_params.get("name")
    return f"/streams/{name}" if name else ""


def _json(value: dict[str, Any], access: MapAccess, known_etags: str, but: str = "") -> Response:
    """A JSON answer that is cheap to ask for again.

    Args:
        value: What is answered.
        access: Who asked.
        known_etags: What the caller has.
        but: A member that changes although nothing else does.
    """
    same = {name: member for name, member in value.items() if name != but}
    tag = hashlib.sha256(repr(same).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache", **_for_sites(access)}
    if headers["ETag"] in known_etags:
        return Response(status_code=304, headers=headers)
    return JSONResponse(value, headers=headers)


async def _picture(
    draw: Callable[[], Drawn],
    variant: str,
    access: MapAccess,
    known_etags: str,
    *,
    lasting: bool = True,
) -> Response:
    """A picture, or 304 where the caller has it already.

    Args:
        draw: Draws it; in a thread, as it may take some milliseconds.
        variant: Tells pictures of one image apart.
        access: Who asked.
        known_etags: What the caller has.
        lasting: Whether its address will never show anything else.
    """
    drawn = await asyncio.to_thread(draw)
    scope = "public" if access.is_public else "private"
    age = f"max-age={IMMUTABLE_SECONDS}, immutable" if lasting else f"max-age={NEWEST_SECONDS}"
    headers = {
        "ETag": f'"{drawn.image.id}{variant}"',
        "Cache-Control": f"{scope}, {age}",
        "X-Frame-Timestamp": str(int(drawn.image.time.timestamp())),
        "X-Content-Type-Options": "nosniff",
        **_for_sites(access),
    }
    if headers["ETag"] in known_etags:
        return Response(status_code=304, headers=headers)
    return Response(drawn.content, media_type=f"image/{drawn.form}", headers=headers)


def _tile(maps: StreamMaps, stream: str, frame: str, window: MercatorWindow, style: Style) -> Drawn:
    """A tile of the image that a path names."""
    image = image_of(maps, stream, frame)
    return Drawn(image, maps.window(stream, image.id, RAIN, window, style), style.form)


def _for_sites(access: MapAccess) -> dict[str, str]:
    """Lets pages of other sites read the answer (CORS)."""
    if not access.for_all_sites:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, X-Frame-Timestamp",
    }
