"""Warm tiles are repeated from memory as they were, while their stream is known to be there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import Response

from echocast.service.imagery.warm_tiles import (
    BELIEVED_SECONDS,
    WarmTile,
    WarmTiles,
    warm_tile,
)

PATH = "/streams/radar/v2/radar/20260701T120000Z-abc/256/8/134/85/2/1_1.png"


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def tile(stream: str = "radar") -> WarmTile:
    headers = {"ETag": '"a-1"', "X-Frame-Timestamp": "7"}
    return WarmTile(stream, "/tiles", Response(b"picture", headers=headers, media_type="image/png"))


def scope_of(warm: WarmTiles, **other: Any) -> dict[str, Any]:
    resources = SimpleNamespace(
        keys=other.pop("keys", ()),
        settings=SimpleNamespace(maps_public=other.pop("maps_public", False)),
        warm_tiles=warm,
    )
    app = SimpleNamespace(state=SimpleNamespace(resources=resources))
    plain = {"type": "http", "method": "GET", "path": PATH, "query_string": b"", "app": app}
    return plain | other


def test_a_tile_is_repeated_until_its_stream_has_to_be_looked_at_again() -> None:
    clock = Clock()
    warm = WarmTiles(clock)
    assert warm.get(PATH) is None
    warm.add(PATH, tile())
    clock.seconds += BELIEVED_SECONDS
    assert warm.get(PATH) is not None
    clock.seconds += 0.1
    assert warm.get(PATH) is None
    warm.add("/another", tile())
    assert warm.get(PATH) is not None
    warm.add("/other", tile("other"))
    warm.forget("radar")
    assert warm.get(PATH) is None
    warm.add(
        "/new", tile()
    )  # a stream of that name is declared anew: nothing of the old one is left
    assert warm.get(PATH) is None
    assert warm.get("/other") is not None


@pytest.mark.parametrize(
    ("other", "is_repeated"),
    [
        ({}, True),
        ({"path": PATH.replace("134", "135")}, False),
        ({"method": "POST"}, False),
        ({"query_string": b"key=ec_all"}, False),
        ({"keys": ("one",)}, False),
        ({"keys": ("one",), "maps_public": True}, True),
    ],
)
def test_only_what_everybody_may_see_is_repeated(other: dict[str, Any], is_repeated: bool) -> None:
    warm = WarmTiles()
    warm.add(PATH, tile())
    assert (warm_tile(scope_of(warm, **other)) is not None) == is_repeated


def test_who_has_it_gets_no_body() -> None:
    answer = tile().to('"b-2", "a-1"')
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["x-frame-timestamp"] == "7"
    assert "content-type" not in answer.headers
    assert tile().to('"b-2"').body == b"picture"
