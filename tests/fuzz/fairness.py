"""How long a small caller waits beside others who send junk and large work, against alone.

    python -m tests.fuzz.fairness --seconds 600

A whole service with a key for each caller and the shipped model. By turns: some small nowcasts with
nobody else there, beside 24 callers of junk, and beside one who keeps large nowcasts waiting.
Prints the medians and their ratios; whatever else loads the machine loads all turns. ``processor``
is the processor time of worker and gateway from the request to the answer, in seconds: where others
take most of the processors, it says more than the clock.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from echocast.model.synthetic.storms import storm
from echocast.service.auth.keys import new_key
from echocast.service.benchmark.processor_time import processor_seconds
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, written
from tests.service.real_processes import engine, eventually, gateway, place, worker

JUNK_CALLERS = 24
JUNK_SECONDS = 10.0  # before the small caller comes
LARGE_WAITING = 48  # besides 16 that the worker has begun
LARGE_SENDERS = 4  # of one caller: one alone sends no faster than a worker forecasts
LARGE_SIDE, SMALL_SIDE = 128, 64
MADE_BEFORE = 100  # uploads of each sender, which else would cost the processors while it sends
LOOK_SECONDS = 1.0  # until a sender looks again whether enough wait
IN_A_TURN = 4
TURNS = ("alone", "junk", "large")
DEFAULTS = {  # of a real service; those of the tests are shorter
    "lease_seconds": "15",
    "lease_renewal_seconds": "5",
    "janitor_seconds": "5",
    "unclaimed_seconds": "10",
    "refusals_per_minute": "30",
}
Timings = dict[str, float]


def bodies(side: int, rows: int = 0) -> Iterator[bytes]:
    """Uploads that differ: one storm, moved by some rows, and by a column at a time."""
    frames = storm(7, frames=10, height=side, width=side)
    for columns in itertools.count():
        values = np.roll(frames.reflectivity_dbz, (rows, columns), axis=(1, 2))
        values -= np.float32(columns // side)
        yield written(frames.with_values(values, frames.times))


def client(url: str, secret: str) -> httpx.Client:
    """A connection with a key."""
    key = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=url, headers=key, timeout=3 * PATIENCE_SECONDS, trust_env=False)


def queued(client: httpx.Client) -> int:
    """Nowcasts that wait for a worker."""
    return int(client.get("/readyz").json()["queued"])


def small(client: httpx.Client, content: bytes, service: Sequence[int]) -> Timings:
    """Seconds of the phases of a small nowcast, and all in all: by the clock, and of processors.

    Args:
        client: Of the caller.
        content: The upload.
        service: Process ids.
    """
    start, before = time.perf_counter(), processor(service)
    headers = {**NETCDF, "Prefer": "wait=60"}
    job = client.post("/nowcast", content=content, headers=headers).raise_for_status().json()
    while "timings" not in job:
        job = client.get(f"/nowcast/{job['id']}", headers=headers).raise_for_status().json()
        time.sleep(0.02)
    whole, after = time.perf_counter() - start, processor(service)
    return {**job["timings"], "processor": after - before, "whole": whole}


def processor(service: Sequence[int]) -> float:
    """Processor time of processes and their children so far, in seconds."""
    return sum(processor_seconds(pid) or 0.0 for pid in service)


def junk(url: str, secret: str, turn: Event, end: Event) -> None:
    """Send four bytes again and again while it is this caller's turn."""
    with client(url, secret) as caller:
        while not end.is_set():
            if turn.wait(0.2):
                caller.post("/nowcast", content=b"junk", headers=NETCDF)


def large(url: str, secret: str, turn: Event, end: Event, sender: int) -> None:
    """Keep large nowcasts waiting, as one of some senders, and take them back at the turn's end."""
    made = list(itertools.islice(bodies(LARGE_SIDE, sender), MADE_BEFORE))
    contents, jobs = itertools.chain(made, bodies(LARGE_SIDE, sender + LARGE_SENDERS)), list[str]()
    with client(url, secret) as caller:
        while not end.is_set():
            if turn.is_set() and queued(caller) < LARGE_WAITING:
                answer = caller.post("/nowcast", content=next(contents), headers=NETCDF)
                jobs.append(answer.raise_for_status().json()["id"])
                continue
            while jobs and not turn.is_set():
                caller.delete(f"/nowcast/{jobs.pop()}")
            time.sleep(LOOK_SECONDS)


def crowd(url: str, secrets: Sequence[str], turns: Sequence[Event], end: Event) -> None:
    """All other callers; a process of its own, which costs the small one nothing."""
    *many, one = secrets
    threads = [threading.Thread(target=junk, args=(url, key, turns[0], end)) for key in many]
    for sender in range(LARGE_SENDERS):
        arguments = (url, one, turns[1], end, sender)
        threads.append(threading.Thread(target=large, args=arguments))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def crowded(url: str, secrets: Sequence[str]) -> Iterator[dict[str, Event]]:
    """The turns of the others, by name, while the context lasts."""
    spawn = multiprocessing.get_context("spawn")
    turns, end = {"junk": spawn.Event(), "large": spawn.Event()}, spawn.Event()
    process = spawn.Process(target=crowd, args=(url, secrets, list(turns.values()), end))
    process.start()
    try:
        yield turns
    finally:
        end.set()
        process.join()


@contextmanager
def at_work(turn: str, events: dict[str, Event], client: httpx.Client) -> Iterator[None]:
    """The others of a turn, busy, until the context ends and nothing waits any more."""
    if turn in events:
        events[turn].set()
        if turn == "junk":
            time.sleep(JUNK_SECONDS)
        else:
            eventually(lambda: queued(client) >= LARGE_WAITING // 2)
    try:
        yield
    finally:
        if turn in events:
            events[turn].clear()
        eventually(lambda: queued(client) == 0)
        time.sleep(3)


def measured(seconds: float, models: Path) -> Iterator[dict[str, list[Timings]]]:
    """Timings of small nowcasts in each turn, for so long."""
    keys = [new_key("submit", f"caller{number}") for number in range(JUNK_CALLERS + 2)]
    secrets, lines = zip(*keys, strict=True)
    rows: dict[str, list[Timings]] = {turn: [] for turn in TURNS}
    contents = bodies(SMALL_SIDE)
    with place(models, keys=";".join(lines), **DEFAULTS) as where:
        environment: Any = where.environment
        del environment["ECHOCAST_THREADS"]
        with (
            engine(where),
            worker(where) as worker_process,
            gateway(where, wait_limit_seconds="60") as gate,
            crowded(gate.url, secrets[:-1]) as events,
            client(gate.url, secrets[-1]) as caller,
        ):
            eventually(lambda: gate.client.get("/readyz").status_code == 200)
            service = (worker_process.pid, gate.process.pid)
            small(caller, next(contents), service)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for turn in TURNS:
                    with at_work(turn, events, caller):
                        for _ in range(IN_A_TURN):
                            rows[turn].append(small(caller, next(contents), service))
                yield rows


def table(rows: dict[str, list[Timings]]) -> str:
    """Medians of each turn, and how many times those of the caller who is alone."""
    alone = statistics.median(row["whole"] for row in rows["alone"])
    lines = [f"load {os.getloadavg()[0]:.0f}"]
    for turn, times in rows.items():
        medians = {name: statistics.median(row.get(name, 0) for row in times) for name in times[0]}
        whole = medians.pop("whole")
        phases = ", ".join(f"{name} {seconds:.3f}" for name, seconds in medians.items())
        lines.append(f"{turn:6} {len(times):3} {whole:.3f} s, {whole / alone:.2f} times ({phases})")
    return "\n".join(lines)


def main() -> int:
    """The exit status: 0 where the medians beside others are at most twice that alone."""
    parser = argparse.ArgumentParser("tests.fuzz.fairness")
    parser.add_argument("--seconds", type=float, default=300.0)
    seconds = parser.parse_args().seconds
    rows: dict[str, list[Timings]] = {}
    with tempfile.TemporaryDirectory() as models:
        for rows in measured(seconds, Path(models)):
            print(table(rows), flush=True)
    medians = {turn: statistics.median(row["whole"] for row in rows[turn]) for turn in TURNS}
    return 0 if max(medians.values()) <= 2 * medians["alone"] else 1


if __name__ == "__main__":
    sys.exit(main())
