"""Warm tiles: answers that are repeated from memory, before their route is looked for.

Only tiles whose address never shows anything else, of a service that lets everybody see them. That
their stream is still there is believed for some seconds: then one request goes the long way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.service.imagery.sized_cache import SizedCache
from echocast.workers.runtime.machine import MIB

WARM_BYTES: Final = 32 * MIB
OVERHEAD_BYTES: Final = 2048  # of an answer, besides its body
BELIEVED_SECONDS: Final = 10.0
IF_NONE_MATCH: Final = b"if-none-match"


@dataclass(frozen=True)
class WarmTile:
    """An answer to repeat.

    Args:
        stream: Whose tile it is.
        path: Template of its address, by which requests are counted.
        answer: The answer, 200.
    """

    stream: str
    path: str
    answer: Response

    def to(self, known_etags: str) -> Response:
        """The answer, or 304 to a caller who has it."""
        headers = self.answer.headers
        if headers["etag"] not in known_etags:
            return self.answer
        of_body = [name for name in headers if name.startswith("content-")]
        others = {name: value for name, value in headers.items() if name not in of_body}
        return Response(status_code=304, headers=others)


class WarmTiles:
    """The tiles that were answered lately; for the event loop alone.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at: dict[str, float] = {}
        self._tiles: SizedCache[WarmTile] = SizedCache(
            WARM_BYTES, lambda tile: OVERHEAD_BYTES + len(tile.answer.body)
        )

    def add(self, path: str, tile: WarmTile) -> None:
        """Remember an answer that was just made: its stream is there."""
        self._looked_at[tile.stream] = self._clock()
        self._tiles.made(path, lambda: tile)

    def get(self, path: str) -> WarmTile | None:
        """The answer to a path, None where it has to be made, or its stream looked at again."""
        tile = self._tiles.get(path)
        if tile is None or self._clock() > self._looked_at.get(tile.stream, 0.0) + BELIEVED_SECONDS:
            return None
        return tile

    def forget(self, stream: str) -> None:
        """A stream is deleted."""
        self._looked_at.pop(stream, None)
        self._tiles.forget(lambda tile: tile.stream == stream)


class RepeatWarmTiles:
    """ASGI middleware that answers with tiles that are in memory, and passes on other requests.

    It stands before what only others need: that took as long as all the rest of such an answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Repeat the answer, where there is one."""
        tile = warm_tile(scope)
        if tile is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = tile  # by whose path it is counted
        known = [value for name, value in scope["headers"] if name == IF_NONE_MATCH]
        await tile.to(b",".join(known).decode("latin-1"))(scope, receive, send)


def warm_tile(scope: Scope) -> WarmTile | None:
    """The answer to a request that may be answered from memory, None where it is not there."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    resources = scope["app"].state.resources
    if resources.keys and not resources.settings.maps_public:
        return None
    tile: WarmTile | None = resources.warm_tiles.get(scope["path"])
    return tile
