"""Callers: those who ask for nowcasts, and those who feed streams, until they are stopped."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx

from echocast.model.synthetic.storms import START, storm
from echocast.service.client.feed import netcdf_bytes, one_by_one
from tests.chaos.ledger import OK, TERMINAL, Ledger
from tests.chaos.service import Service
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, netcdf

SMALL, LARGE = 48, 144  # pixels a side: below and above the size from which files are NetCDF-4
STORMS = 400  # different ones that are asked for
STEP = timedelta(minutes=5)
DRAWN = 24  # frames of one storm, then comes another
AGAIN_SECONDS = 0.5
LOOKS = 25  # for a forecast, before a caller goes on without
FORMATS = ("netcdf", "netcdf", "json", "npz", "png")


class Caller:
    """One caller with its key.

    Args:
        service: Whom it asks.
        ledger: Where it notes what it was answered.
        name: Of its key.
    """

    def __init__(self, service: Service, ledger: Ledger, name: str) -> None:
        self.ledger = ledger
        headers = {"Authorization": f"Bearer {service.secrets[name]}"}
        self.client = httpx.Client(
            base_url=service.url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
        )

    def ask(self, action: str, method: str, path: str, **request: Any) -> httpx.Response | None:
        """The answer; None where there is none."""
        try:
            answer = self.client.request(method, path, **request)
        except httpx.TransportError as error:
            self.ledger.on_broken(action, error)
            return None
        self.ledger.on_answer(action, answer)
        return answer

    def insist(
        self, action: str, method: str, path: str, stop: threading.Event, **request: Any
    ) -> httpx.Response | None:
        """The answer that accepts; the same request is sent until it comes, or until stopped."""
        while not stop.is_set():
            answer = self.ask(action, method, path, **request)
            if answer is not None and answer.status_code in OK:
                return answer
            stop.wait(AGAIN_SECONDS)
        return None

    def submit(
        self, seed: int, side: int, stop: threading.Event, key: str | None = None
    ) -> str | None:
        """The id of a job that was accepted."""
        headers = {**NETCDF, **({"Idempotency-Key": key} if key else {})}
        body = netcdf(seed=seed, frames=10, side=side)
        answer = self.insist("submit", "POST", "/nowcast", stop, content=body, headers=headers)
        if answer is None:
            return None
        job = str(answer.json()["id"])
        self.ledger.on_accepted(job, (seed, side), key)
        return job

    def look(self, job: str) -> dict[str, Any] | None:
        """A job as it stands."""
        answer = self.ask("look", "GET", f"/nowcast/{job}")
        if answer is None or answer.status_code != 200:
            return None
        view: dict[str, Any] = answer.json()
        self.ledger.on_job(view)
        return view

    def forecast(self, job: str, form: str = "netcdf") -> httpx.Response | None:
        """The forecast of a job."""
        answer = self.ask("forecast", "GET", f"/nowcast/{job}/forecast", params={"format": form})
        if answer is not None and answer.status_code == 200:
            self.ledger.on_forecast(job, answer)
        return answer


def ask_for_nowcasts(caller: Caller, stop: threading.Event, chance: random.Random) -> None:
    """Submit jobs, some twice, some with a key, and look at what becomes of them."""
    while not stop.is_set():
        key = uuid.UUID(int=chance.getrandbits(128)).hex if chance.random() < 0.5 else None
        side = LARGE if chance.random() < 0.1 else SMALL
        seed = chance.randrange(STORMS)
        job = caller.submit(seed, side, stop, key)
        if key and chance.random() < 0.2:
            caller.submit(seed, side, stop, key)
        if job and chance.random() < 0.05:
            caller.ask("cancel", "DELETE", f"/nowcast/{job}")
        if job:
            _follow(caller, job, stop, chance)
        stop.wait(chance.uniform(0.1, 0.8))


def _follow(caller: Caller, job: str, stop: threading.Event, chance: random.Random) -> None:
    """Look at a job some times, and at its forecast once it has one."""
    for _ in range(LOOKS):
        view = caller.look(job)
        if view and view["status"] in TERMINAL:
            caller.forecast(job, chance.choice(FORMATS))
            return
        if stop.wait(chance.uniform(0.1, 0.5)):
            return


def feed(
    caller: Caller, stream: str, side: int, stop: threading.Event, chance: random.Random
) -> None:
    """Declare a stream and send its frames in order; some are replaced by others later."""
    declaration = {"step_minutes": STEP.total_seconds() / 60}
    caller.insist("declare", "PUT", f"/streams/{stream}", stop, json=declaration)
    for frame in frames_without_end(chance.randrange(1000), side):
        if stop.is_set():
            return
        put(caller, stream, frame, stop)
        if chance.random() < 0.03:
            brighter = frame.with_values(frame.reflectivity_dbz + 1, frame.times)
            put(caller, stream, brighter, stop, replace=True)
        if chance.random() < 0.2:
            caller.ask("latest", "GET", f"/streams/{stream}/latest")
            caller.ask("scores", "GET", f"/streams/{stream}/verification")
        _await_forecast(caller, stream, frame, stop)


def _await_forecast(caller: Caller, stream: str, frame: Any, stop: threading.Event) -> None:
    """A radar is slower than its forecasts: wait for this one, but not for ever."""
    time = frame.times[0].isoformat().replace("+00:00", "Z")
    for _ in range(LOOKS):
        if stop.wait(AGAIN_SECONDS):
            return
        answer = caller.ask("scores", "GET", f"/streams/{stream}")
        if answer is not None and answer.is_success and answer.json()["latest_forecast"] == time:
            return


def put(
    caller: Caller, stream: str, frame: Any, stop: threading.Event, *, replace: bool = False
) -> None:
    """Send a frame until it is accepted."""
    time, content = frame.times[0].isoformat().replace("+00:00", "Z"), netcdf_bytes(frame)
    if send_frame(caller, stream, time, content, stop, replace=replace):
        caller.ledger.on_frame(stream, time, content)


def send_frame(
    caller: Caller,
    stream: str,
    time: str,
    content: bytes,
    stop: threading.Event,
    *,
    replace: bool,
) -> bool:
    """Whether the bytes of a frame were accepted."""
    path = f"/streams/{stream}/frames/{time}"
    query = {"replace": "true"} if replace else {}
    request: dict[str, Any] = {"content": content, "headers": NETCDF, "params": query}
    return caller.insist("frame", "PUT", path, stop, **request) is not None


def frames_without_end(seed: int, side: int) -> Iterator[Any]:
    """Single frames of one storm after the other, a step apart."""
    for number in range(1000):
        start = START + number * DRAWN * STEP
        drawn = storm(
            seed + number, frames=DRAWN, height=side, width=side, step_minutes=5, start=start
        )
        yield from one_by_one(drawn)


def stamp(time: str) -> str:
    """A time as it stands in names of files."""
    return time.replace("-", "").replace(":", "")
