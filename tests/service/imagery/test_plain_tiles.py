"""Tiles that are asked for without query and key have a route of their own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Match

from echocast.service.imagery.stream_maps import StreamMaps
from echocast.service.routes.plain_tiles import PLAIN_TILES
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.stores import StreamStores
from tests.patience import PATIENCE_SECONDS

TILE = "/v2/radar/0/256/8/134/85/2/1_1.png"
OF_A_STREAM = f"/streams/radar{TILE}"


def scope_of(path: str, **other: Any) -> dict[str, Any]:
    plain = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    return plain | other


@pytest.mark.parametrize(
    ("path", "other", "matching"),
    [
        (TILE, {}, [True, False]),
        (OF_A_STREAM, {}, [False, True]),
        (OF_A_STREAM, {"headers": [(b"accept", b"*/*")]}, [False, True]),
        (OF_A_STREAM, {"headers": [(b"authorization", b"Bearer ec_all")]}, [False, False]),
        (OF_A_STREAM, {"headers": [(b"x-api-key", b"ec_all")]}, [False, False]),
        (OF_A_STREAM, {"query_string": b"key=ec_all"}, [False, False]),
        (OF_A_STREAM, {"method": "POST"}, [False, False]),
        (OF_A_STREAM.replace("radar/0", "coverage/0"), {}, [False, False]),
        (f"{OF_A_STREAM}/more", {}, [False, False]),
    ],
)
def test_only_plain_requests_for_tiles_go_there(
    path: str, other: dict[str, Any], matching: list[bool]
) -> None:
    matches = [route.matches(scope_of(path, **other)) for route in PLAIN_TILES]
    assert [match is Match.FULL for match, _ in matches] == matching
    for route, (match, child) in zip(PLAIN_TILES, matches, strict=True):
        assert match is Match.NONE or child["route"] is route


def test_a_tile_waits_for_other_tiles_alone(tmp_path: Path) -> None:
    maps = StreamMaps(StreamStores.of(LocalFiles(tmp_path, free_space_floor_bytes=0)))
    end = threading.Event()

    async def draw_beside_what_takes_long() -> str:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        long_work = asyncio.create_task(asyncio.to_thread(end.wait, PATIENCE_SECONDS))
        await asyncio.sleep(0)
        picture = await maps.tile(lambda name, *, form: f"{name}.{form}", "tile", form="png")
        assert not long_work.done()
        end.set()
        await long_work
        return picture

    assert asyncio.run(draw_beside_what_takes_long()) == "tile.png"
    maps.close()
