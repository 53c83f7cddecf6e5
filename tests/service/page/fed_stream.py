"""A stream of a whole service, which gets the images of a real event one by one.

The worker's network is fake: how soon it answers is no matter of the page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx

from echocast.model.formats.crop import Crop
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.service.client.feed import netcdf_bytes
from tests.service.bodies import NETCDF
from tests.service.page.storm_service import STEP, now
from tests.service.real_processes import FAKE_WORKER, engine, eventually, gateway, place, worker
from tests.workers.conftest import name_models

NAME = "event"
BEFORE = 24  # images: those of the two hours that a map shows
PLACE, RADIUS_KM = (47.05, 8.31), 80.0  # where the page looks, too


class FedStream:
    """A stream whose next image is sent when it is said.

    Args:
        client: Of the service.
        frames: Of an event, so moved in time that the last one is of now.
    """

    def __init__(self, client: httpx.Client, frames: Frames) -> None:
        self._client, self._frames, self._sent = client, frames, 0
        client.put(f"/streams/{NAME}", json={"step_minutes": 5}).raise_for_status()
        for _ in range(BEFORE):
            self.move_on()

    def move_on(self) -> None:
        """Send the next image, and wait until it is on the map with a forecast."""
        index = self._sent
        path = f"/streams/{NAME}/frames/{_text(self._frames.times[index])}"
        body = netcdf_bytes(self._frames[index : index + 1])
        self._client.put(path, content=body, headers=NETCDF).raise_for_status()
        self._sent += 1
        eventually(self._is_shown)

    def time(self, index: int) -> str:
        """Of the newest image, whatever the index."""
        return _text(self._frames.times[self._sent - 1])

    def _is_shown(self) -> bool:
        answer = self._client.get(f"/streams/{NAME}/map")
        return answer.status_code == 200 and answer.json()["reference_time"] == self.time(-1)


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def event_of_now(path: Path, count: int) -> Frames:
    """The first images of an event around the place, the last of them now."""
    near = Reading(crop=Crop(centre=PLACE, radius_km=RADIUS_KM))
    frames = read_frames([path], near)[:count]
    times = [now() - (count - 1 - index) * STEP for index in range(count)]
    return frames.derived(frames.reflectivity_dbz, times)


@contextmanager
def fed_service(event: Path, more: int) -> Iterator[tuple[str, FedStream]]:
    """The address of a whole service that shows an event, of which so many images are to come."""
    with (
        tempfile.TemporaryDirectory() as models,
        place(name_models(Path(models), "fake/1")) as where,
        engine(where),
        worker(where, FAKE_WORKER),
        gateway(where) as gate,
    ):
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield gate.url, FedStream(gate.client, event_of_now(event, BEFORE + more))
