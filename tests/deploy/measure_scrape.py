"""``python -m tests.deploy.measure_scrape``: what a scrape of twenty streams costs the gateway.

A real engine and a real gateway; the streams have a day of frames' headers and a day of counts at
ten leads. Printed: seconds of the first scrape, a moment after the start, and of later ones, when
nothing or one stream is new; and the latency of small requests alone and beside scrapes at
Prometheus' usual interval and fifteen times as often, as a ratio; the three take turns.
"""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np

from echocast.model.drift.detector import Drift
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.grid import Grid
from echocast.model.verification.counts import (
    CLASSES,
    METHODS,
    RELIABILITY,
    STREAM_THRESHOLDS_DBZ,
    with_lead,
)
from echocast.model.verification.frame_statistics import describe
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.drift import STATES, states_key
from echocast.workers.streams.paths import CountKey
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream
from tests.patience import PATIENCE_SECONDS
from tests.service.real_processes import Place, engine, gateway, place, pretend_worker

STREAMS, FRAMES, LEADS, STEP_MINUTES = 20, 288, 10, 5
SCRAPES, ROUNDS, REQUESTS = 10, 4, 500
PAUSE_SECONDS = 3.0  # Prometheus comes within its interval, on average half of it later
USUAL, OFTEN = 15.0, 1.0  # seconds between scrapes
GRID = Grid.of_pixels(16, 16)


def main() -> None:
    """Fill a service and measure."""
    with place(Path("/nonexistent"), free_space_floor_bytes="0") as where, engine(where):
        pretend_worker(where)
        fill(where)
        with gateway(where) as gate:
            print(json.dumps(measured(gate.client, gate.url, where), indent=1))


def fill(where: Place) -> None:
    """A day of frames and counts for every stream."""
    stores = StreamStores.of(LocalFiles(where.settings.archive_root, free_space_floor_bytes=0))
    connection = EngineClient(where.settings.engine_url, 5)
    sums = CountSums(connection)
    newest = datetime.now(UTC).replace(second=0, microsecond=0)
    states = {f"{n:03d}": json.dumps(Drift().to_json()) for n in range(STATES)}
    for number in range(STREAMS):
        stream, _ = stores.streams.declare(Stream(f"radar{number}", STEP_MINUTES))
        stores.streams.set_origin(stream, Origin(GRID, 0.0))
        connection.redis.hset(states_key(stream.name), mapping=states)
        for slot in range(FRAMES):
            put(stores, stream.name, newest - timedelta(minutes=STEP_MINUTES * slot))
        for hour in range(24):
            count(sums, stream.name, newest - timedelta(hours=hour))
    connection.close()


def put(stores: StreamStores, stream: str, time: datetime) -> None:
    """A frame of rain."""
    field = np.full(GRID.shape, 20.0, np.float32)
    frame = StreamFrame.of(time, field, -32.0, time, late=False, attributes={})
    stores.frames.put(stream, frame, replace=False)


def count(sums: CountSums, stream: str, time: datetime) -> None:
    """Counts of every lead, method and threshold in the hour of a time."""
    dice = random.Random(time.timestamp())
    for lead in range(1, LEADS + 1):
        counts = {
            f"{method}|{threshold:g}": [dice.randrange(10**6) for _ in range(4)]
            for method in METHODS
            for threshold in STREAM_THRESHOLDS_DBZ
        }
        counts |= {
            f"{RELIABILITY}|{threshold:g}": [dice.randrange(10**6) for _ in range(2 * CLASSES)]
            for threshold in STREAM_THRESHOLDS_DBZ
        }
        counts |= {f"forecasts|{role}": [1] for role in ("model", "canary", "fallback")}
        pair = CountKey(time, f"{lead:032d}", "f" * 64)
        sums.add(stream, pair, with_lead(counts, STEP_MINUTES * lead))
    pair = CountKey(time, "observed", "f" * 64)
    sums.add(stream, pair, with_lead(describe(np.full((8, 8), 20, np.float32)), 0))


def measured(client: httpx.Client, url: str, where: Place) -> dict[str, float]:
    """All figures: seconds, and ratios of latencies."""
    time.sleep(PAUSE_SECONDS)
    first = timed(lambda: client.get("/metrics").raise_for_status())
    later = [timed(lambda: client.get("/metrics")) for _ in range(SCRAPES)]
    connection = EngineClient(where.settings.engine_url, 5)
    renewed = []
    for number in range(SCRAPES):
        count(
            CountSums(connection), f"radar{number}", datetime.now(UTC) + timedelta(hours=number + 1)
        )
        renewed.append(timed(lambda: client.get("/metrics")))
    connection.close()
    latencies: dict[float, list[float]] = {0.0: [], USUAL: [], OFTEN: []}
    for _ in range(ROUNDS):
        for every, seconds in latencies.items():
            seconds += with_scrapes(url, every, lambda: latencies(client))
    alone = latencies.pop(0.0)
    return {
        "samples": len(client.get("/metrics").text.splitlines()),
        "first_scrape_seconds": first,
        "scrape_seconds": statistics.median(later),
        "scrape_after_one_stream_seconds": statistics.median(renewed),
        **{
            f"request_p{percent}_ratio_scraped_every_{every:g}_seconds": quantile(beside, percent)
            / quantile(alone, percent)
            for every, beside in latencies.items()
            for percent in (50, 99)
        },
        "requests_each": len(alone),
        "request_p50_seconds_alone": quantile(alone, 50),
        "request_p99_seconds_alone": quantile(alone, 99),
    }


def with_scrapes(url: str, every: float, act: Callable[[], list[float]]) -> list[float]:
    """What happens while somebody scrapes every so many seconds, at once for the first time."""
    if not every:
        return act()
    done = threading.Event()

    def scrape() -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as other:
            other.get("/metrics")
            while not done.wait(every):
                other.get("/metrics")

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        return act()
    finally:
        done.set()
        thread.join()


def latencies(client: httpx.Client) -> list[float]:
    """Seconds of small requests, one after the other."""
    latencies = []
    for _ in range(REQUESTS):
        latencies.append(timed(lambda: client.get("/healthz")))
        time.sleep(PAUSE_SECONDS)
    return latencies


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main()
