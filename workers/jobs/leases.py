"""The jobs that this worker has claimed, and whether their leases are lost."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class JobLeases:
    """Claims of one incarnation of a worker; safe to share among threads.

    Args:
        incarnation: Name of this life of the worker process.
    """

    def __init__(self, incarnation: str) -> None:
        self.incarnation = incarnation
        self._numbers = itertools.count(1)
        self._claims: dict[str, str] = {}
        self._working: dict[str, float] = {}
        self._lost: set[str] = set()
        self.closed = self.stopping = False
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def new_claim(self) -> str:
        """A new, unique claim: a worker that runs a job twice makes two claims."""
        return f"{self.incarnation}:{next(self._numbers)}"

    @contextmanager
    def open(self) -> Iterator[bool]:
        """A context to claim a job or send a heartbeat in; gives false where the worker stops."""
        with self._opening:
            yield not self.closed

    def close(self) -> None:
        """The worker stops; returns when every claim is held and no beat is on its way."""
        self.closed = True
        with self._opening:
            pass

    @contextmanager
    def hold(self, claim: str, job_id: str) -> Iterator[None]:
        """Have the lease renewed while the context lasts."""
        with self._lock:
            self._claims[claim] = job_id
        try:
            yield
        finally:
            with self._lock:
                del self._claims[claim]
                self._lost.discard(claim)

    @contextmanager
    def working(self, claim: str) -> Iterator[None]:
        """Work on a job goes on in the context; a job that only waits does not count as hung."""
        with self._lock:
            self._working[claim] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._working[claim]

    def moved(self, claim: str) -> None:
        """The work on a job made a step: it is slow, but does not hang."""
        with self._lock:
            self._working[claim] = time.monotonic()

    def claims(self) -> dict[str, str]:
        """Claim -> job id of every lease."""
        with self._lock:
            return dict(self._claims)

    def mark_lost(self, claims: Iterable[str]) -> None:
        """The leases of these claims can't be renewed any more."""
        with self._lock:
            self._lost.update(set(claims) & self._claims.keys())

    def is_lost(self, claim: str) -> bool:
        """True where the job was cancelled or given to another worker."""
        return claim in self._lost

    def longest_seconds(self) -> float:
        """How long the oldest piece of work goes on; 0 without any."""
        with self._lock:
            since = min(self._working.values(), default=None)
        return 0.0 if since is None else time.monotonic() - since
