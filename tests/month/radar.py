"""A radar and those who send its frames: what is not accepted is sent again, the oldest first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from echocast.model.frames import Frames
from echocast.service.client.feed import netcdf_bytes
from tests.chaos.callers import Caller
from tests.chaos.ledger import OK
from tests.month.weather import Weather
from tests.service.bodies import NETCDF

FAULTY_DBZ = 50.0


class Radar:
    """One stream and what was not accepted yet.

    Args:
        caller: Who sends.
        stream: Name.
        weather: What it looks at.
    """

    def __init__(self, caller: Caller, stream: str, weather: Weather) -> None:
        self.caller, self.stream, self.weather = caller, stream, weather
        self.silent = self.broken = False
        self.sent: list[datetime] = []
        self._waiting: deque[tuple[datetime, bytes]] = deque()

    def declare(self) -> None:
        """Declare the stream."""
        step = self.weather.step / timedelta(minutes=1)
        path, stop = f"/streams/{self.stream}", threading.Event()
        self.caller.insist("declare", "PUT", path, stop, json={"step_minutes": step})

    def look(self, time: datetime) -> list[datetime]:
        """Take a frame, unless the radar is silent, and send what waits; what was accepted."""
        if not self.silent:
            self._waiting.append((time, netcdf_bytes(self._frame(time))))
        return list(self._accepted())

    def _accepted(self) -> Iterator[datetime]:
        while self._waiting:
            time, content = self._waiting[0]
            if not self._send(time, content):
                return
            self._waiting.popleft()
            self.sent.append(time)
            yield time

    def _send(self, time: datetime, content: bytes) -> bool:
        name = time.isoformat().replace("+00:00", "Z")
        path = f"/streams/{self.stream}/frames/{name}"
        answer = self.caller.ask("frame", "PUT", path, content=content, headers=NETCDF)
        if answer is None or answer.status_code not in OK:
            return False
        self.caller.ledger.on_frame(self.stream, name, content)
        return True

    def _frame(self, time: datetime) -> Frames:
        """What it sees; broken, heavy rain out of nothing, everywhere."""
        frame = self.weather.frame(time)
        if not self.broken:
            return frame
        noise = np.random.default_rng(0).normal(0, 1, frame.reflectivity_dbz.shape)
        return frame.with_values(FAULTY_DBZ + noise.astype(np.float32), frame.times)
