"""Maps: the time line of a stream's images, whole images, and tiles for apps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from echocast.model.imagery.mercator import MercatorWindow
from echocast.model.imagery.names import RAIN
from echocast.service.access import MapAccess, MapReader
from echocast.service.errors import UnknownImage
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.query_parameters import AnyParameter
from echocast.service.imagery.drawing import Style, load_libraries
from echocast.service.imagery.open_images import Image
from echocast.service.imagery.schemas import StreamMap
from echocast.service.imagery.stream_maps import StreamMaps, at_time
from echocast.service.imagery.tile_clients import tile_style, tile_window, weather_maps
from echocast.service.imagery.warm_tiles import WarmTile
from echocast.service.resources import AppResources, Resources

router = APIRouter(tags=["maps"])

IMMUTABLE_SECONDS = 365 * 86400
NEWEST_SECONDS = 60  # for which "the newest" may be the one before
TILE_PARAMETERS = ("size", "zoom", "x", "y", "colour", "options")
OF_A_FRAME = "/v2/radar/{frame}/" + "/".join(f"{{{name}}}" for name in TILE_PARAMETERS)
TILE_PATHS = (OF_A_FRAME, "/streams/{name}" + OF_A_FRAME)


Etags = Annotated[str, Header(alias="if-none-match")]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,40}\.(png|webp)$")]
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}, "image/webp": {}}},
    **refusals(401, 404),
}
OF_A_STREAM: dict[str, Any] = {  # its path names it, and :data:`MapReader` reads it there
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
}


@dataclass(frozen=True)
class Tile:
    """What the path of a tile asks for.

    Args:
        window: The part of the map.
        style: How it is drawn.
        variant: Tells tiles of one image apart.
    """

    window: MercatorWindow
    style: Style
    variant: str


async def get_tile(size: str, zoom: str, x: str, y: str, colour: str, options: str) -> Tile:
    """The tile that a path asks for; with a dot in them ``x`` and ``y`` are latitude and longitude
    of the middle of the picture.

    Raises:
        ContractViolation: There is none like that.
    """
    variant = f"-{size}-{zoom}-{x}-{y}-{colour}-{options}"
    return Tile(tile_window(size, zoom, x, y), tile_style(colour, options), variant)


TileOfPath = Annotated[Tile, Depends(get_tile)]


@router.get(
    "/streams/{name}/map",
    response_model=StreamMap,
    responses=refusals(401, 404),
    openapi_extra=OF_A_STREAM,
)
async def show_map(
    resources: AppResources, access: MapReader, if_none_match: Etags = ""
) -> Response:
    """The time line of a stream's images: observed ones of two hours, then the newest forecast."""
    view = await asyncio.to_thread(resources.maps.map, access.stream)
    return _json(view.model_dump(mode="json"), access, if_none_match)


@router.get(
    "/streams/{name}/images/{image_id}/{file}",
    response_class=Response,
    responses=PICTURES,
    openapi_extra=OF_A_STREAM,
)
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
    style, maps = Style(form="webp" if form == "webp" else "png"), resources.maps

    def draw(image: Image) -> bytes:
        return maps.whole(access.stream, image, layer, style)

    find = partial(maps.image, access.stream, image_id)
    return await asyncio.to_thread(
        _picture, find, draw, f"-{file}", style.form, access, if_none_match
    )


@router.get("/public/weather-maps.json", dependencies=[AnyParameter], responses=refusals(401, 404))
@router.get(
    "/streams/{name}/public/weather-maps.json",
    dependencies=[AnyParameter],
    responses=refusals(401, 404),
    openapi_extra=OF_A_STREAM,
)
async def list_tiles(
    request: Request, resources: AppResources, access: MapReader, if_none_match: Etags = ""
) -> Response:
    """The images of a stream as clients of RainViewer's API (version 2) read them."""
    images = await asyncio.to_thread(resources.maps.images, access.stream)
    host = resources.settings.public_url or str(request.base_url).rstrip("/")
    return _json(weather_maps(host, _root(request), images), access, if_none_match, "generated")


@router.get(
    TILE_PATHS[0],
    dependencies=[AnyParameter],
    response_class=Response,
    responses=PICTURES,
)
@router.get(
    TILE_PATHS[1],
    dependencies=[AnyParameter],
    response_class=Response,
    responses=PICTURES,
    openapi_extra=OF_A_STREAM,
)
async def show_tile(
    request: Request,
    frame: str,
    tile: TileOfPath,
    resources: AppResources,
    access: MapReader,
    if_none_match: Etags = "",
) -> Response:
    """A tile of an image: ``frame`` is an id of the list, seconds since 1970, or 0, the newest.

    With a dot in them, ``x`` and ``y`` are latitude and longitude of the middle of the picture.
    """
    return await answer_tile(request, resources, frame, tile, access, if_none_match)


@router.get(
    "/v2/coverage/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    dependencies=[AnyParameter],
    response_class=Response,
    responses=PICTURES,
)
@router.get(
    "/streams/{name}/v2/coverage/{frame}/{size}/{zoom}/{x}/{y}/{colour}/{options}",
    dependencies=[AnyParameter],
    response_class=Response,
    responses=PICTURES,
    openapi_extra=OF_A_STREAM,
)
async def show_coverage(
    request: Request,
    frame: Literal["0"],
    tile: TileOfPath,
    resources: AppResources,
    access: MapReader,
    if_none_match: Etags = "",
) -> Response:
    """A tile that is dark where no radar looked when the newest image was made."""
    style = Style("coverage", form=tile.style.form)
    dark = Tile(tile.window, style, f"-coverage{tile.variant}")
    return await answer_tile(request, resources, frame, dark, access, if_none_match)


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
    return JSONResponse(value, headers=headers, background=BackgroundTask(load_libraries))


async def answer_tile(
    request: Request,
    resources: Resources,
    frame: str,
    tile: Tile,
    access: MapAccess,
    known_etags: str,
) -> Response:
    """A tile of the image that a path names; one that may be repeated is remembered."""
    maps, lasting = resources.maps, "-" in frame

    def draw(image: Image) -> bytes:
        return maps.part(access.stream, image, RAIN, tile.window, tile.style)

    find, form = partial(image_of, maps, access.stream, frame), tile.style.form
    answer = await maps.tile(
        _picture, find, draw, tile.variant, form, access, known_etags, lasting=lasting
    )
    if lasting and answer.status_code == 200:
        warm = WarmTile(access.stream, request.scope["route"].path, answer)
        resources.warm_tiles.add(request.scope["path"], warm)
    return answer


def _picture(
    find: Callable[[], Image],
    draw: Callable[[Image], bytes],
    variant: str,
    form: str,
    access: MapAccess,
    known_etags: str,
    *,
    lasting: bool = True,
) -> Response:
    """A picture, or 304 where the caller has it already; in a thread, as it may take a while.

    Args:
        find: Finds the image.
        draw: Draws it.
        variant: Tells pictures of one image apart.
        form: ``png`` or ``webp``.
        access: Who asked.
        known_etags: What the caller has.
        lasting: Whether its address will never show anything else.
    """
    image = find()
    scope = "public" if access.is_public else "private"
    age = f"max-age={IMMUTABLE_SECONDS}, immutable" if lasting else f"max-age={NEWEST_SECONDS}"
    headers = {
        "ETag": f'"{image.id}{variant}"',
        "Cache-Control": f"{scope}, {age}",
        "X-Frame-Timestamp": str(int(image.time.timestamp())),
        "X-Content-Type-Options": "nosniff",
        **_for_sites(access),
    }
    if headers["ETag"] in known_etags:
        return Response(status_code=304, headers=headers)
    return Response(draw(image), media_type=f"image/{form}", headers=headers)


def _for_sites(access: MapAccess) -> dict[str, str]:
    """Lets pages of other sites read the answer (CORS)."""
    if not access.for_all_sites:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, X-Frame-Timestamp",
    }
