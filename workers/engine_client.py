"""A connection to the engine that outlives a restart of the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.engine_url import client_url
from workers.errors import EngineUnavailable
from workers.transitions import PRELUDE

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
PASSING = (redis.exceptions.NoScriptError,)  # an engine that just came back knows no scripts yet
Answer = TypeVar("Answer")
Script = Callable[..., Any]


class EngineClient:
    """Commands and scripts, tried again while the engine is away; safe to share among threads.

    What is called here must be harmless when it happens twice: the answer to a command may be
    lost with the engine that carried it out.

    Args:
        url: Address of the engine.
        patience_seconds: How long to try again before giving up.
    """

    def __init__(self, url: str, patience_seconds: float) -> None:
        self.url = url
        self.patience_seconds = patience_seconds
        self.redis: Any = redis.Redis.from_url(
            client_url(url), decode_responses=True, retry=Retry(NoBackoff(), 0)
        )

    def script(self, body: str) -> Script:
        """A script as a function of its arguments."""
        run = self.redis.register_script(PRELUDE + body)
        return lambda *values: self.call(lambda: run(args=list(values)))

    def call(self, command: Callable[[], Answer]) -> Answer:
        """The answer of a command.

        Raises:
            EngineUnavailable: The engine stayed away longer than the patience.
        """
        give_up = time.monotonic() + self.patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return command()
            except (redis.RedisError, OSError) as error:
                if isinstance(error, redis.ResponseError) and not isinstance(error, PASSING):
                    raise
                if time.monotonic() + pause > give_up:
                    raise EngineUnavailable(f"The engine does not answer: {error}.") from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """Close all connections."""
        self.redis.close()
