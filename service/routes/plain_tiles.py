"""Tiles that are asked for without query and key, as most are.

FastAPI takes as long to find their route and to solve its dependencies as it takes to draw one.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from echocast.service.access import require_map_reader
from echocast.service.resources import resources_of
from echocast.service.routes.maps import TILE_PARAMETERS, TILE_PATHS, answer_tile, get_tile

KEY_HEADERS: Final = (b"authorization", b"x-api-key")


class PlainTileRoute(Route):
    """The route of such tiles; all others have the next one, which answers alike."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for a tile, and brings nothing that FastAPI has to read."""
        if scope["type"] != "http" or scope["query_string"]:
            return Match.NONE, {}
        if any(name in KEY_HEADERS for name, _ in scope["headers"]):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (match, {**child, "route": self}) if match is Match.FULL else (Match.NONE, {})


async def show_plain_tile(request: Request) -> Response:
    """What :func:`.show_tile` answers, by calling itself what that depends on."""
    resources, asked = resources_of(request), request.path_params
    access = await require_map_reader(request, resources, None, None, None)
    tile = await get_tile(*(asked[name] for name in TILE_PARAMETERS))
    known_etags = request.headers.get("if-none-match", "")
    return await answer_tile(request, resources, asked["frame"], tile, access, known_etags)


PLAIN_TILES: Final = [PlainTileRoute(path, show_plain_tile) for path in TILE_PATHS]
