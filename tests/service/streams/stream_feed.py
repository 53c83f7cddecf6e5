"""Frames of a storm as an operator sends them, and what a recount of the service's files gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import httpx

from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm
from echocast.service.client.feed import netcdf_bytes
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.reindex import recounted, stored
from tests.service.bodies import NETCDF
from tests.service.real_processes import Place, eventually

SIDE = 32
COUNT = 16


@lru_cache
def frames(seed: int = 8, side: int = SIDE) -> Frames:
    return storm(seed, frames=COUNT, height=side, width=side, step_minutes=5)


def frame_bytes(slot: int, seed: int = 8, side: int = SIDE) -> bytes:
    return netcdf_bytes(frames(seed, side)[slot : slot + 1])


def time_of(slot: int) -> str:
    return frames().times[slot].isoformat().replace("+00:00", "Z")


def declare(client: httpx.Client, name: str, **more: Any) -> httpx.Response:
    return client.put(f"/streams/{name}", json={"step_minutes": 5, **more})


def put(
    client: httpx.Client, name: str, slot: int, seed: int = 8, *, replace: bool = False
) -> httpx.Response:
    return client.put(
        f"/streams/{name}/frames/{time_of(slot)}",
        content=frame_bytes(slot, seed),
        headers=NETCDF,
        params={"replace": "true"} if replace else {},
    )


def feed(client: httpx.Client, name: str, slots: range) -> None:
    """Send frames, each when the forecast of the one before it is there."""
    declare(client, name)
    for slot in slots:
        answer = put(client, name, slot)
        assert answer.status_code == 201, answer.text
        eventually(lambda slot=slot: references(client, name)[-1:] == [time_of(slot)])


def references(client: httpx.Client, name: str) -> list[str]:
    nowcasts = client.get(f"/streams/{name}/nowcasts").json()["nowcasts"]
    return [nowcast["forecast_reference_time"] for nowcast in nowcasts]


def counted(client: httpx.Client, name: str, method: str = "model") -> int:
    """Pairs of forecast and frame that were scored."""
    methods = client.get(f"/streams/{name}/verification").json()["methods"]
    return sum(lead["forecasts"] for lead in methods[method]["30"]["leads"])


def agree(where: Place, name: str) -> bool:
    """Whether sums, stored counts and a recount of all files are the same, and not nothing."""
    nowcasts = StreamProcessing.from_settings(where.settings, 5)
    try:
        truth = recounted(nowcasts.stores, nowcasts.scorer, name)
        retained = stored(nowcasts.stores, nowcasts.scorer, name)
        span = TimeSpan(frames().times[0], frames().times[-1])
        return bool(truth) and retained == truth == nowcasts.sums.over(name, span)
    finally:
        nowcasts.close()


def all_scored(where: Place, name: str, forecasts: int) -> Callable[[], bool]:
    """A condition: so many forecasts are issued, and everything is counted."""

    def check() -> bool:
        nowcasts = StreamProcessing.from_settings(where.settings, 5)
        try:
            span = TimeSpan(frames().times[0], frames().times[-1])
            issued = nowcasts.stores.forecasts.listing(name, span)
            pending = nowcasts.scorer.pending(name, span)
            added = nowcasts.sums.added_pairs(name, span)
            return len(issued) == forecasts and added == set(pending.expected)
        finally:
            nowcasts.close()

    return check
