"""Frames of now: a storm whose last image is the newest there can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm
from echocast.service.client.feed import netcdf_bytes
from tests.service.bodies import NETCDF
from tests.service.real_processes import eventually

STEP = timedelta(minutes=5)
SIDE = 32


def newest_time(now: datetime | None = None) -> datetime:
    """The newest whole five minutes."""
    seconds = STEP.total_seconds()
    now = now or datetime.now(UTC)
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def live_frames(count: int, *, age: timedelta = timedelta(0), seed: int = 8) -> Frames:
    """The newest frames of a storm, the last of them so old."""
    drawn = storm(seed, frames=16, height=SIDE, width=SIDE, step_minutes=5)[-count:]
    last = newest_time() - age
    times = [last - (count - 1 - index) * STEP for index in range(count)]
    return drawn.derived(drawn.reflectivity_dbz, times)


def feed_live(
    client: httpx.Client, name: str, count: int, *, age: timedelta = timedelta(0)
) -> Frames:
    """Declare a stream and send it frames, each when the one before it is forecast from."""
    frames = live_frames(count, age=age)
    client.put(f"/streams/{name}", json={"step_minutes": 5}).raise_for_status()
    for index, time in enumerate(frames.times):
        text = time.isoformat().replace("+00:00", "Z")
        body = netcdf_bytes(frames[index : index + 1])
        sent = client.put(f"/streams/{name}/frames/{text}", content=body, headers=NETCDF)
        assert sent.status_code == 201, sent.text
        eventually(lambda text=text: _is_forecast(client, name, text))
    return frames


def _is_forecast(client: httpx.Client, name: str, time: str) -> bool:
    answer = client.get(f"/streams/{name}/point", params={"lat": 50, "lon": 8})
    return answer.status_code == 200 and answer.json()["forecast_reference_time"] == time
