"""Attempts: how many workers died while they processed a frame of a stream.

A worker says in the engine when it begins with a frame and when it is done. Where it died in
between, the next one counts an attempt more; while it lives, no other worker begins, and no other
thread of it. A worker that ends as planned takes its attempts back.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Final

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts

TTL_SECONDS: Final = 3 * 86400
FRAMES: Final = "echocast:frames"  # as in the scripts' prelude


class Attempt(StrEnum):
    """Whether a worker may begin with a frame."""

    BEGUN = "begun"
    BUSY = "busy"
    """Another thread, or another worker that lives, processes it."""
    POISON = "poison"
    """Too many workers died over it."""


class Attempts:
    """Attempts at frames; safe to share among threads and processes.

    Args:
        engine: The connection.
        maximum: Attempts after which a frame is poison.
    """

    def __init__(self, engine: EngineClient, maximum: int) -> None:
        self._maximum = maximum
        self._in_progress: set[str] = set()
        self._lock = threading.Lock()
        scripts = load_scripts("echocast.workers.jobs")  # they need the workers' signs of life
        self._begin = engine.script(scripts["begin_frame"])
        self._end = engine.script(scripts["end_frame"])

    def begin(self, frame: str, incarnation: str) -> Attempt:
        """Say that this worker begins with a frame; whether it may."""
        with self._lock:
            if frame in self._in_progress:
                return Attempt.BUSY
            self._in_progress.add(frame)
        attempt = Attempt.BUSY
        try:
            attempt = Attempt(self._begin(frame, incarnation, self._maximum, TTL_SECONDS))
        finally:
            if attempt is Attempt.BUSY:
                self._release(frame)
        return attempt

    def end(self, frame: str) -> None:
        """Say that a frame is processed or set aside: its attempts are forgotten."""
        try:
            self._end(frame)
        finally:
            self._release(frame)

    def _release(self, frame: str) -> None:
        with self._lock:
            self._in_progress.discard(frame)


def forget_attempts(engine: EngineClient, stream: str) -> None:
    """Forget the attempts at all frames of a stream, e.g. as it is deleted."""
    of_it = f"{stream}/*"
    frames = engine.call(lambda: [name for name, _ in engine.redis.hscan_iter(FRAMES, match=of_it)])
    if frames:
        engine.call(lambda: engine.redis.hdel(FRAMES, *frames))
