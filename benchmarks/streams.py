"""``python -m benchmarks streams``: what a stream of 640 x 710 pixels costs on this machine.

A whole service takes twenty frames with their nowcasts, so that ten forecasts of the network wait
for their observations. Then frames are accepted without nowcasts: their CPU time is that of
decoding, storing and scoring ten forecasts by five methods at four thresholds, and ten of the
canary.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from echocast.model.frames import Frames
from echocast.service.benchmark.figures import BenchmarkFailed, Measured, Say, show
from echocast.service.benchmark.processor_time import processor_seconds
from echocast.service.client.feed import Feeder, one_by_one
from echocast.service.processes.listening import free_port
from echocast.service.processes.readiness import running_service, wait_until
from echocast.workers.runtime.machine import usable_cpus

HEIGHT, WIDTH = 640, 710
PENDING = 10
SCORED = 5
STEP_SECONDS = 300.0
START_SECONDS = 120.0
FORECAST_SECONDS = 600.0
LATEST_REQUESTS = 200
POLL_SECONDS = 0.5  # asking costs the service some CPU time too
IDLE_SECONDS, IDLE_SHARE = 2.0, 0.1  # of a core, below which a service is idle
STREAM = "benchmark"


def run_stream_benchmark(as_json: bool = False) -> None:
    """Measure and print; takes some minutes.

    Raises:
        BenchmarkFailed: The service did not do what it should.
    """
    show(measure, as_json)


def measure(say: Say) -> list[Measured]:
    """All figures, in the order they were measured."""
    from echocast.model.synthetic.storms import storm

    say("Drawing a storm")
    count = 9 + PENDING + SCORED + 1
    frames = list(one_by_one(storm(1, frames=count, height=HEIGHT, width=WIDTH, step_minutes=5)))
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        root, port = Path(name), free_port("127.0.0.1")
        url = f"http://127.0.0.1:{port}"
        with (
            running_service(root, port, root / "log") as process,
            httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
        ):
            wait_until(f"{url}/readyz", process, START_SECONDS)
            return _measured(client, frames, process.pid, say)


def _measured(client: httpx.Client, frames: list[Frames], pid: int, say: Say) -> list[Measured]:
    feeder = Feeder(client, STREAM)
    feeder.declare(STEP_SECONDS / 60)
    with_nowcast = []
    nowcasts = len(frames) - SCORED
    for number, frame in enumerate(frames[:nowcasts]):
        say(f"Nowcast {number + 1} of {nowcasts}")
        before = cpu_seconds(pid)
        feeder.send(frame)
        if not feeder.await_forecast(frame.times[0], FORECAST_SECONDS):
            raise BenchmarkFailed(f"No forecast came within {FORECAST_SECONDS:g} seconds.")
        _await_scores(client, number, number)
        if number >= 9:
            with_nowcast.append(cpu_seconds(pid) - before)
    say("Scoring without nowcasts")
    _await_idle(pid)
    declaration = {"step_minutes": STEP_SECONDS / 60, "auto_nowcast": False}
    client.put(f"/streams/{STREAM}", json=declaration).raise_for_status()
    scored = []  # the first meets ten forecasts, each later one a forecast less
    for number, frame in enumerate(frames[nowcasts:]):
        before = cpu_seconds(pid)
        feeder.send(frame)
        _await_scores(client, nowcasts + number, nowcasts)
        _await_idle(pid)
        scored.append(cpu_seconds(pid) - before)
    say("Asking for the newest forecast")
    nowcast = statistics.median(with_nowcast)
    keeps_up = usable_cpus() * STEP_SECONDS / nowcast
    return [
        Measured("a frame accepted and scored, CPU, worst", max(scored), "s", "<= 1.5"),
        Measured("a frame accepted and scored, CPU, median", statistics.median(scored), "s"),
        Measured("a frame accepted, forecast and scored, CPU", nowcast, "s"),
        Measured("streams of 5 min that keep up", keeps_up, "", ">= 3 on two cores"),
        Measured(
            "newest forecast unchanged (304), p50", 1000 * _latest(client, True), "ms", "<= 5"
        ),
        Measured("newest forecast as PNG, p50", 1000 * _latest(client, False), "ms", "<= 5"),
    ]


def _await_idle(pid: int) -> None:
    """Wait until the service does next to nothing: the canary's forecasts and scores come last."""
    before, now = -math.inf, cpu_seconds(pid)
    while now - before > IDLE_SHARE * IDLE_SECONDS:
        time.sleep(IDLE_SECONDS)
        before, now = now, cpu_seconds(pid)


def _await_scores(client: httpx.Client, number: int, forecasts: int) -> None:
    """Wait until every frame up to ``number`` has met all forecasts that were valid at its time.

    Args:
        client: Of the service.
        number: Frames before the newest one.
        forecasts: Of the first so many frames; the later ones were accepted without nowcasts.
    """
    give_up = time.monotonic() + FORECAST_SECONDS
    expected = sum(min(forecasts, n) - max(0, n - PENDING) for n in range(number + 1))
    while _compared(client) < expected:
        if time.monotonic() > give_up:
            raise BenchmarkFailed("The scores of a frame did not come.")
        time.sleep(POLL_SECONDS)


def _compared(client: httpx.Client) -> int:
    """Pairs of forecast and frame so far, with the network or without."""
    methods = client.get(f"/streams/{STREAM}/verification").json()["methods"]
    return sum(
        lead["forecasts"] for role in ("model", "fallback") for lead in methods[role]["30"]["leads"]
    )


def _latest(client: httpx.Client, unchanged: bool) -> float:
    """Median seconds of ``GET /latest``."""
    path, params = f"/streams/{STREAM}/latest", {"format": "png"}
    tag = client.get(path, params=params).headers["etag"]
    seconds = []
    for _ in range(LATEST_REQUESTS):
        started = time.perf_counter()
        client.get(path, params=params, headers={"If-None-Match": tag} if unchanged else {})
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its descendants.

    Raises:
        BenchmarkFailed: This system does not show it.
    """
    seconds = processor_seconds(pid)
    if seconds is None:
        raise BenchmarkFailed("This system does not show the processor time of processes.")
    return seconds
