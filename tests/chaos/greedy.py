"""A greedy caller, with junk and many large jobs, beside a caller with small ones.

What is measured is an order, not a time: how many of the greedy caller's jobs were begun, and
ended, before a small one that came while they waited. Only jobs that were begun once tell: one that
lost its worker, or its lease on a busy machine, is begun again, before all others.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from tests.chaos.callers import LARGE, SMALL, STORMS, Caller
from tests.chaos.ledger import TERMINAL, Ledger
from tests.chaos.service import Service
from tests.service.bodies import NETCDF, netcdf

LARGE_JOBS = 20
SMALL_JOBS = 3
GREEDY_CALLERS = 8  # that send large jobs at once
JUNK_CALLERS = 4
LONGEST_SECONDS = 240.0
LOOK_SECONDS = 0.1
MOST_BEGUN = 4  # two workers may each choose before, and while, it comes
MOST_ENDED = LARGE_JOBS // 2
Job = Mapping[str, Any]


@dataclass(frozen=True)
class Waited:
    """What happened to a small job.

    Args:
        waiting: Large jobs that waited when it came.
        begun: How many of these were begun before it.
        ended: How many of these ended before it.
    """

    waiting: int
    begun: int
    ended: int

    @property
    def starved(self) -> bool:
        """Whether more went before it than its turn explains."""
        return self.begun > MOST_BEGUN or self.ended > MOST_ENDED

    def __str__(self) -> str:
        return f"{self.begun} begun and {self.ended} ended before it, of {self.waiting} that waited"


def starve(service: Service, ledger: Ledger, chance: random.Random) -> tuple[list[Job], list[Job]]:
    """Let one caller be greedy beside another; the small and the large jobs that ended."""
    stop = threading.Event()
    greedy, small = (Caller(service, ledger, name) for name in ("greedy", "small"))
    with ThreadPoolExecutor(GREEDY_CALLERS) as pool:
        seeds = [STORMS + chance.randrange(10**6) for _ in range(LARGE_JOBS + SMALL_JOBS)]
        for seed in seeds[SMALL_JOBS:]:
            _body(seed, LARGE)  # drawn before any is sent: else they are done as fast as they come
        large = list(pool.map(partial(_send, greedy, "large", LARGE), seeds[SMALL_JOBS:]))
        junk = [pool.submit(_send_junk, service, ledger, stop) for _ in range(JUNK_CALLERS)]
        try:
            few = [_send(small, "small", SMALL, seed) for seed in seeds[:SMALL_JOBS]]
            ended = _until_done(small, few)
        finally:
            stop.set()
        for future in junk:
            future.result()
    return ended, _until_done(greedy, large)


@lru_cache(LARGE_JOBS + SMALL_JOBS)
def _body(seed: int, side: int) -> bytes:
    return netcdf(seed=seed, frames=10, side=side)


def _send(caller: Caller, action: str, side: int, seed: int) -> str | None:
    """The id of a new job that was accepted; nobody else asks for this storm."""
    answer = caller.ask(action, "POST", "/nowcast", content=_body(seed, side), headers=NETCDF)
    if answer is None or answer.status_code not in (200, 202):
        return None
    job = str(answer.json()["id"])
    caller.ledger.on_accepted(job, (seed, side))
    return job


def _send_junk(service: Service, ledger: Ledger, stop: threading.Event) -> None:
    caller = Caller(service, ledger, "greedy")
    while not stop.is_set():
        caller.ask("junk", "POST", "/nowcast", content=b"junk", headers=NETCDF)


def _until_done(caller: Caller, jobs: Sequence[str | None]) -> list[Job]:
    """Those of the accepted jobs that ended in time, as they ended."""
    end = time.monotonic() + LONGEST_SECONDS
    ended: dict[str, Job] = {}
    while (left := set(filter(None, jobs)) - ended.keys()) and time.monotonic() < end:
        views = (caller.look(job) for job in left)
        ended |= {view["id"]: view for view in views if view and view["status"] in TERMINAL}
        time.sleep(LOOK_SECONDS)
    return list(ended.values())


def judged(small: Sequence[Job], large: Sequence[Job]) -> list[Waited]:
    """What happened to each small job that was begun once."""
    once = [job for job in large if job["attempts"] == 1]
    return [_waited(job, once) for job in small if job["attempts"] == 1]


def _waited(job: Job, large: Sequence[Job]) -> Waited:
    came = job["created"]
    waiting = [other for other in large if other["created"] < came < other["started"]]
    begun, ended = (
        sum(other[name] < job[name] for other in waiting) for name in ("started", "finished")
    )
    return Waited(len(waiting), begun, ended)


def faults_of(waited: Sequence[Waited]) -> list[str]:
    """Small jobs that were starved; and that nothing was to be seen, as none had to wait."""
    faults = [f"A small job was starved: {one}." for one in waited if one.starved]
    if not any(one.waiting for one in waited):
        faults.append("Nothing ever waited beside the greedy caller: no order was seen.")
    return faults
