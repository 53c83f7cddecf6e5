"""``echocast benchmark page``: how fast tiles and the page are while nowcasts run.

All that asks runs here as well, on the same CPUs: figures are those of a machine that also has its
own visitors. On a machine with other work they are worse.
"""

from __future__ import annotations

import random
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from echocast.model.imagery.mercator import HALF_WORLD_M, to_metres
from echocast.model.synthetic.storms import storm
from echocast.service.benchmark.chain import HEADERS, LARGE
from echocast.service.benchmark.figures import BenchmarkFailed, Measured, Say, show
from echocast.service.benchmark.input import draw_bodies
from echocast.service.benchmark.service import MeasuredService, measured_service
from echocast.service.benchmark.visit import page_figures
from echocast.service.client.feed import Feeder

STREAM: Final = "page"
STEP: Final = timedelta(minutes=5)
SIDE: Final = 256  # pixels of 1 km
BACK: Final = 14  # observed images
CONCURRENCY: Final = 8
TILES: Final = 800
WARM_ROUNDS: Final = 3
STORMS: Final = 16  # nowcasts beside the tiles, at most
ZOOM: Final = 10  # at which the drawn storm is seen close
PATIENCE_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 0.2
ANSWER_BYTES: Final = 65536  # that are read at once
HEAD: Final = re.compile(
    rb"HTTP/1.1 (?P<status>\d+) .*?\r\ncontent-length: (?P<length>\d+)\r\n(.*?\r\n)??\r\n",
    re.DOTALL | re.IGNORECASE,
)


def run_page_benchmark(as_json: bool = False) -> None:
    """Measure tiles and page; takes a minute or two.

    Args:
        as_json: For machines.

    Raises:
        BenchmarkFailed: The service refused what it should do.
    """
    show(measure, as_json)


def measure(say: Say) -> list[Measured]:
    """All figures, in the order they were measured."""
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        root = Path(name)
        say("Drawing storms")
        large = draw_bodies(root / "large", STORMS, *LARGE)
        with measured_service(root / "data", None, 1, say) as service:
            say("A stream of images")
            paths = _tile_paths(_fed(service.client))
            random.Random(1).shuffle(paths)
            with _nowcasts_running(service.client, large) as done:
                say(f"Cold tiles, {CONCURRENCY} at a time, while a nowcast runs")
                cold = _round(service, paths[:TILES])
                say("Warm tiles")
                warm = [_round(service, paths[:TILES]) for _ in range(WARM_ROUNDS)]
            say("The page")
            return [
                Measured("nowcasts of 640x710 meanwhile", float(len(done)), ""),
                *_figures("cold", [cold], "<= 30"),
                *_figures("warm", warm, "<= 5"),
                *page_figures(str(service.client.base_url)),
            ]


def _fed(client: httpx.Client) -> dict[str, Any]:
    """The map of a stream that has its images and a forecast."""
    feeder = Feeder(client, STREAM)
    step_minutes = STEP.total_seconds() / 60
    feeder.declare(step_minutes)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - BACK * STEP
    frames = storm(1, frames=BACK, height=SIDE, width=SIDE, step_minutes=step_minutes, start=start)
    for index in range(BACK):
        feeder.send(frames[index : index + 1])
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        answer = client.get(f"/streams/{STREAM}/map")
        view: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        frames = view.get("frames", [])
        if len(frames) > BACK and frames[BACK - 1]["time"] == view["reference_time"]:
            return view
        time.sleep(LOOK_SECONDS)
    raise BenchmarkFailed(f"The stream had no map after {PATIENCE_SECONDS:g} seconds.")


def _tile_paths(view: dict[str, Any]) -> list[str]:
    """Smooth tiles of our own colours, of all images, that show a part of the grid."""
    bounds = view["bounds"]
    west, south = to_metres(bounds["south"], bounds["west"])
    east, north = to_metres(bounds["north"], bounds["east"])
    side = 2 * HALF_WORLD_M / 2**ZOOM
    columns = range(int((west + HALF_WORLD_M) // side), int((east + HALF_WORLD_M) // side) + 1)
    rows = range(int((HALF_WORLD_M - north) // side), int((HALF_WORLD_M - south) // side) + 1)
    start = f"/streams/{view['stream']}/v2/radar"
    return [
        f"{start}/{frame['id']}/256/{ZOOM}/{column}/{row}/2/1_1.png"
        for frame in view["frames"]
        for column in columns
        for row in rows
    ]


@contextmanager
def _nowcasts_running(client: httpx.Client, bodies: Sequence[bytes]) -> Iterator[list[float]]:
    """One nowcast after the other, by a thread; the seconds of those that are done.

    Each is of another body: what was forecast once is answered without a network.
    """
    stop = threading.Event()
    done: list[float] = []
    failed: list[str] = []

    def ask() -> None:
        for body in bodies:
            if stop.is_set():
                return
            started = time.perf_counter()
            answer = client.post("/nowcast", content=body, headers=HEADERS)
            if answer.status_code not in (200, 202):
                failed.append(answer.text[:300])
                return
            done.append(time.perf_counter() - started)
        if not stop.is_set():
            failed.append(f"All {len(bodies)} had ended before the tiles.")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()
    if failed:
        raise BenchmarkFailed(f"No nowcast ran beside the tiles: {failed[0]}")


class Answers(list[float]):
    """Milliseconds of each answer; ``processor_seconds`` are those of the gateway meanwhile."""

    wall_seconds: float = 0.0
    processor_seconds: float | None = None


def _round(service: MeasuredService, paths: Sequence[str]) -> Answers:
    """Ask the gateway for all paths, and see what that costs it."""
    url, before = service.client.base_url, service.processor_seconds()["gateway"]
    answers = asked(url.host, url.port or 80, paths)
    after = service.processor_seconds()["gateway"]
    if before is not None and after is not None:
        answers.processor_seconds = after - before
    return answers


def asked(host: str, port: int, paths: Sequence[str]) -> Answers:
    """How long each path took, by clients that each keep a connection open.

    Raises:
        BenchmarkFailed: An answer was no 200.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        parts = [paths[index::CONCURRENCY] for index in range(CONCURRENCY)]
        answers = Answers(
            ms for part in pool.map(partial(_client, host, port), parts) for ms in part
        )
    answers.wall_seconds = time.perf_counter() - started
    return answers


def _client(host: str, port: int, paths: Sequence[str]) -> list[float]:
    """Ask for all paths, one after the other."""
    with socket.create_connection((host, port), timeout=60) as connection:
        return [_milliseconds(connection, path) for path in paths]


def _milliseconds(connection: socket.socket, path: str) -> float:
    """By bytes: clients of a library wanted as much processor time as the gateway."""
    started = time.perf_counter()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = b""
    while (head := HEAD.match(answer)) is None or len(answer) < head.end() + int(head["length"]):
        more = connection.recv(ANSWER_BYTES)
        if not more:
            raise BenchmarkFailed(f"{path} was not answered to its end.")
        answer += more
    if head["status"] != b"200":
        raise BenchmarkFailed(f"{path} was answered by {int(head['status'])}.")
    return 1000 * (time.perf_counter() - started)


def _figures(name: str, rounds: Sequence[Answers], goal: str) -> list[Measured]:
    """Middle, 99th percentile, rate and processor time of all rounds together: the last says on a
    busy machine, too, what a tile costs.
    """
    ms = sorted(one for answers in rounds for one in answers)
    rate = len(ms) / sum(answers.wall_seconds for answers in rounds)
    processor = [one.processor_seconds for one in rounds if one.processor_seconds is not None]
    each_ms = 1000 * sum(processor) / len(ms) if len(processor) == len(rounds) else None
    return [
        Measured(f"{name} tile, concurrency {CONCURRENCY}, p50", ms[len(ms) // 2], "ms"),
        Measured(f"{name} tile, p99", ms[round(0.99 * (len(ms) - 1))], "ms", goal),
        Measured(f"{name} tiles", rate, "a second", ">= 200" if name == "warm" else ""),
        Measured(f"{name} tile, processor time of the gateway", each_ms, "ms"),
    ]
