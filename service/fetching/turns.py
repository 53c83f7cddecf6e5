"""Turns: whatever is fetched at the same time, a host has one request of ours at a time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class HostTurns:
    """Shared by all that fetch in one process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, host: str) -> Iterator[None]:
        """A context that one request to a host is in at a time."""
        with self._guard:
            lock = self._locks[host]
        with lock:
            yield
