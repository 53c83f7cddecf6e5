"""The jobs that this worker holds, and whether it still holds them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class HeldJobs:
    """Claims of one incarnation of a worker; safe to share among threads.

    Args:
        incarnation: Name of this life of the worker process.
    """

    def __init__(self, incarnation: str) -> None:
        self.incarnation = incarnation
        self._numbers = itertools.count(1)
        self._held: dict[str, str] = {}
        self._working: dict[str, float] = {}
        self._lost: set[str] = set()
        self._expected: set[str] = set()
        self.closed = False
        self._lock = threading.Lock()

    def new_claim(self) -> str:
        """A claim that nobody ever made: a worker that runs a job twice makes two claims."""
        return f"{self.incarnation}:{next(self._numbers)}"

    def close(self) -> None:
        """Claim nothing more: the worker leaves."""
        self.closed = True

    @contextmanager
    def expecting(self, job_id: str) -> Iterator[bool]:
        """Note that a thread waits for room to claim a job; False where another one does so."""
        with self._lock:
            first = job_id not in self._expected
            self._expected.add(job_id)
        try:
            yield first
        finally:
            if first:
                with self._lock:
                    self._expected.discard(job_id)

    @contextmanager
    def holding(self, claim: str, job_id: str) -> Iterator[None]:
        """Have the claim renewed while the context lasts."""
        with self._lock:
            self._held[claim] = job_id
            self._expected.discard(job_id)
        try:
            yield
        finally:
            with self._lock:
                del self._held[claim]
                self._lost.discard(claim)

    @contextmanager
    def working(self, claim: str) -> Iterator[None]:
        """Note that work on a job goes on: who waits for others does not hang."""
        with self._lock:
            self._working[claim] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._working[claim]

    def moved(self, claim: str) -> None:
        """Note that work on a job is slow, but does not hang."""
        with self._lock:
            self._working[claim] = time.monotonic()

    def claims(self) -> dict[str, str]:
        """Claim -> job id of everything held."""
        with self._lock:
            return dict(self._held)

    def lose(self, claims: Iterable[str]) -> None:
        """Note claims that can't be renewed any more."""
        with self._lock:
            self._lost.update(set(claims) & self._held.keys())

    def is_lost(self, claim: str) -> bool:
        """True where the job was cancelled or given to another worker."""
        return claim in self._lost

    def longest_seconds(self) -> float:
        """How long the oldest piece of work goes on; 0 without any."""
        with self._lock:
            since = min(self._working.values(), default=None)
        return 0.0 if since is None else time.monotonic() - since
