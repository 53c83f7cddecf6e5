"""An empty newest image through HTTP: streams and one nowcast say so and fall back."""

from __future__ import annotations

import httpx
import numpy as np

from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.synthetic.storms import storm
from echocast.service.client.feed import netcdf_bytes
from tests.model.smooth_rain import SIDE, rain
from tests.service.bodies import NETCDF
from tests.service.real_processes import eventually
from tests.service.streams.stream_feed import declare, references

NAME = "plausible"
PLACED = storm(1, frames=12, height=SIDE, width=SIDE, step_minutes=5)
RAIN = PLACED.with_values(rain(count=12), PLACED.times)


def emptied(frames: Frames, index: int) -> Frames:
    values = np.array(frames.reflectivity_dbz)
    values[index] = frames.no_rain_dbz
    return frames.with_values(values, frames.times)


def share(values: FloatArray) -> float:
    return float((np.nan_to_num(np.array(values, np.float32)) > 5).mean())


def test_a_stream_counts_an_empty_image_and_forecasts_without_it(client: httpx.Client) -> None:
    declare(client, NAME)
    feed = emptied(RAIN, 3)
    for slot in range(4):
        time = feed.times[slot].isoformat()
        body = netcdf_bytes(feed[slot : slot + 1])
        answer = client.put(f"/streams/{NAME}/frames/{time}", content=body, headers=NETCDF)
        assert answer.status_code == 201, answer.text

    eventually(lambda: references(client, NAME)[-1][:16] == time[:16])
    nowcast = client.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"][-1]
    assert time in nowcast["quality"]["plausibility"]
    assert "degraded" in nowcast["quality"]
    view = client.get(f"/streams/{NAME}").json()
    assert [(one["kind"], one["time"][:16]) for one in view["implausible"]] == [
        ("vanished", time[:16])
    ]
    assert "are possible" in view["implausible"][0]["why"]
    assert view["set_aside"] == []
    gauge = f'echocast_stream_implausible_frames{{kind="vanished",stream="{NAME}"}} 1.0'
    assert gauge in client.get("/metrics").text.splitlines()
    latest = client.get(f"/streams/{NAME}/latest", params={"format": "json"}).json()
    assert 0 < share(latest["frames"][0]) < 1 / 3


def test_one_nowcast_from_an_empty_newest_image_says_so(client: httpx.Client) -> None:
    body = netcdf_bytes(emptied(RAIN[:10], -1))
    headers = {**NETCDF, "Prefer": "wait=60"}
    answer = client.post("/nowcast", content=body, headers=headers).json()
    assert answer["status"] == "succeeded", answer
    assert RAIN.times[9].isoformat() in answer["quality"]["plausibility"]
    assert "9 of 10 images" in answer["quality"]["degraded"]
    file = client.get(f"/nowcast/{answer['id']}/forecast", params={"format": "json"}).json()
    assert share(file["frames"][0]) < 1 / 3
