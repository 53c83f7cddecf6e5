"""A greedy caller, with junk and many large jobs, beside a caller with small ones.

What is measured is an order, not a time: how many of the greedy caller's jobs were begun, and
ended, before a small one that came while they waited. Jobs that were begun already do not count:
those that lost their worker, or their lease on a busy machine, are begun again, before all others.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.chaos.callers import LARGE, SMALL, STORMS, Caller
from tests.chaos.ledger import TERMINAL, Ledger
from tests.chaos.service import Service
from tests.service.bodies import NETCDF, netcdf

LARGE_JOBS = 20
SMALL_JOBS = 3
JUNK_CALLERS = 4
LONGEST_SECONDS = 240.0
MOST_BEGUN = 4  # two workers may each choose before, and while, it comes
MOST_ENDED = LARGE_JOBS // 2
Job = Mapping[str, Any]


@dataclass(frozen=True)
class Starved:
    """What came of it: lines for the report, and faults."""

    lines: list[str]
    faults: list[str]


def starve(service: Service, ledger: Ledger, chance: random.Random) -> Starved:
    """Let one caller be greedy, and see when another one's jobs are done."""
    stop = threading.Event()
    greedy, small = (Caller(service, ledger, name) for name in ("greedy", "small"))
    with ThreadPoolExecutor(JUNK_CALLERS) as pool:
        junk = [pool.submit(_send_junk, service, ledger, stop) for _ in range(JUNK_CALLERS)]
        try:
            large = [_send(greedy, "large", LARGE, chance) for _ in range(LARGE_JOBS)]
            jobs = list[tuple[Job | None, set[str]]]()
            for _ in range(SMALL_JOBS):
                waiting = {one for one in large if one and not _has_begun(greedy.look(one))}
                job = _send(small, "small", SMALL, chance)
                jobs.append((_until_done(small, job), waiting))
        finally:
            stop.set()
        for future in junk:
            future.result()
    return _judged(jobs, {job: _until_done(greedy, job) for job in large if job})


def _has_begun(job: Job | None) -> bool:
    return job is None or "started" in job


def _send(caller: Caller, action: str, side: int, chance: random.Random) -> str | None:
    """The id of a new job that was accepted."""
    seed = STORMS + chance.randrange(10**6)  # nobody else asks for this storm
    body = netcdf(seed=seed, frames=10, side=side)
    answer = caller.ask(action, "POST", "/nowcast", content=body, headers=NETCDF)
    if answer is None or answer.status_code not in (200, 202):
        return None
    job = str(answer.json()["id"])
    caller.ledger.on_accepted(job, (seed, side))
    return job


def _send_junk(service: Service, ledger: Ledger, stop: threading.Event) -> None:
    caller = Caller(service, ledger, "greedy")
    while not stop.is_set():
        caller.ask("junk", "POST", "/nowcast", content=b"junk", headers=NETCDF)


def _until_done(caller: Caller, job: str | None) -> Job | None:
    """The job once it has ended; None where it did not in time, or was never accepted."""
    end = time.monotonic() + LONGEST_SECONDS
    while job and time.monotonic() < end:
        view = caller.look(job)
        if view and view["status"] in TERMINAL:
            return view
        time.sleep(0.1)
    return None


def _judged(
    jobs: Sequence[tuple[Job | None, set[str]]], large: Mapping[str, Job | None]
) -> Starved:
    lines, faults = list[str](), list[str]()
    for job, waiting in jobs:
        others = [other for one in waiting if (other := large[one])]
        begun, ended = (_before(others, job or {}, name) for name in ("started", "finished"))
        lines.append(f"{begun} begun and {ended} ended before it, of {len(waiting)} that waited")
        if job is None:
            faults.append("A small job was not done.")
        elif begun > MOST_BEGUN or ended > MOST_ENDED:
            faults.append(f"A small job was starved: {lines[-1]}.")
    return Starved(lines, faults)


def _before(others: Sequence[Job], job: Job, name: str) -> int:
    """How many others have that time after the job came, and before its own such time."""
    came, own = job.get("created", ""), job.get(name, "")
    return sum(came < other.get(name, "") < own for other in others)
