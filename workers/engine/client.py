"""A connection to the engine that outlives a restart of the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from echocast.workers.engine.url import client_url, connection_options
from echocast.workers.errors import EngineUnavailable

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
# A script starts only where all of its writes are allowed; else it would stop half-way.
WHOLE = "#!lua\n"
READING = "#!lua flags=no-writes\n"  # is answered by an engine that is full or read only, too
PASSING = (
    redis.exceptions.NoScriptError,  # an engine that just came back knows no scripts yet
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MasterDownError,
    redis.exceptions.ClusterDownError,
)
PASSING_CODES = ("MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED")  # those without a class of their own
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
            client_url(url),
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            **connection_options(url),
        )

    def script(self, body: str) -> Script:
        """A script as a function of its arguments."""
        run = self.redis.register_script(WHOLE + body)
        return lambda *values: self.call(lambda: run(args=list(values)))

    def reading_script(self, body: str) -> Script:
        """A script that writes nothing, as a function of its arguments."""
        run = self.redis.register_script(READING + body)
        return lambda *values: self.call(lambda: run(args=list(values)))

    def call(self, command: Callable[[], Answer]) -> Answer:
        """The answer of a command.

        Raises:
            EngineUnavailable: The engine stayed away, or refused as it does for a while (out of
                memory, disk full, read only), longer than the patience.
        """
        give_up = time.monotonic() + self.patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return command()
            except (redis.RedisError, OSError) as error:
                if not is_passing(error):
                    raise
                if time.monotonic() + pause > give_up:
                    raise EngineUnavailable(_sentence(error)) from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """Close all connections."""
        self.redis.close()


def is_passing(error: Exception) -> bool:
    """True where the same command may succeed later."""
    if not isinstance(error, redis.ResponseError) or isinstance(error, PASSING):
        return True
    return str(error).startswith(PASSING_CODES)


def _sentence(error: Exception) -> str:
    refused = isinstance(error, redis.ResponseError)
    return f"The engine {'refuses' if refused else 'does not answer'}: {error}."
