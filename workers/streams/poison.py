"""Attempts: how many workers died over a frame of a stream, so that a frame that kills is found.

Who sees to a frame says so before and after. Where a worker died in between, the next one counts
it; while one that said so lives, no other begins, nor does another thread of it. A worker that
takes leave gives its attempts back: a planned restart costs a frame none of its lives.
"""

from __future__ import annotations

import threading
from typing import Final, Literal

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts

KEPT_SECONDS: Final = 3 * 86400


class Attempts:
    """Attempts at frames; safe to share among threads and processes.

    Args:
        engine: The connection.
        most: Deaths after which a frame is poison.
    """

    def __init__(self, engine: EngineClient, most: int) -> None:
        self._most = most
        self._at_hand: set[str] = set()
        self._lock = threading.Lock()
        self._begin = engine.script(load_scripts(__package__)["begin_frame"])
        self._end = engine.script(load_scripts(__package__)["end_frame"])

    def begin(self, frame: str, incarnation: str) -> Literal["begun", "busy", "poison"]:
        """Say that this worker begins on a frame; whether it may.

        ``busy`` where another thread, or another worker that lives, is at it; ``poison`` where too
        many workers died over it.
        """
        with self._lock:
            if frame in self._at_hand:
                return "busy"
            self._at_hand.add(frame)
        verdict: Literal["begun", "busy", "poison"] = "busy"
        try:
            verdict = self._begin(frame, incarnation, self._most, KEPT_SECONDS)
        finally:
            if verdict == "busy":
                self._let_go(frame)
        return verdict

    def end(self, frame: str) -> None:
        """Say that a frame is seen to, or set aside: its attempts are forgotten."""
        try:
            self._end(frame)
        finally:
            self._let_go(frame)

    def _let_go(self, frame: str) -> None:
        with self._lock:
            self._at_hand.discard(frame)
