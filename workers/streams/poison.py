"""Attempts: how many workers died over a frame of a stream, so that a frame that kills is found.

Who sees to a frame says so before and after. Where a worker died in between, the next one counts
it; while one that said so lives, no other begins, nor does another thread of it. A worker that
takes leave gives its attempts back: a planned restart costs a frame none of its lives.
"""

from __future__ import annotations

import threading
from typing import Final, Literal

from echocast.workers.engine.client import EngineClient

KEPT_SECONDS: Final = 3 * 86400

BEGIN: Final = """
-- frame, incarnation, maximum attempts, ttl
local known = redis.call('HGET', FRAMES, ARGV[1]) or '0 '
local attempts, holder = string.match(known, '^(%d+) (.*)$')
local beat = redis.call('HGET', 'echocast:workers', holder)
if holder == ARGV[2] then return 'begun' end
if beat and tonumber(string.match(beat, '^%S+')) >= clock() then return 'busy' end
if tonumber(attempts) >= tonumber(ARGV[3]) then return 'poison' end
redis.call('HSET', FRAMES, ARGV[1], (attempts + 1) .. ' ' .. ARGV[2])
redis.call('EXPIRE', FRAMES, ARGV[4])
return 'begun'
"""

END: Final = """
-- frame
redis.call('HDEL', FRAMES, ARGV[1])
"""


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
        self._begin = engine.script(BEGIN)
        self._end = engine.script(END)

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
