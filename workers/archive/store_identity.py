"""Whether an engine and an archive belong together.

Jobs in the engine name files in the archive. A worker or gateway whose ``ECHOCAST_DATA_DIR`` is not
the others' would fail at random: it claims a job and finds no frames. So the archive has a name of
its own, and the engine remembers it. So it is with where streams lie: frames fed into one place
would never be forecast from another.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from echocast.workers.archive.archive import Archive
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.url import without_password
from echocast.workers.errors import AnotherStore, EngineUnavailable
from echocast.workers.settings import WorkerSettings

SILENCE_SECONDS = 1.5  # after which a process that waits for the engine says so
STORE_KEY: Final = "echocast:store"
STREAMS_KEY: Final = "echocast:streams"

log = logging.getLogger("echocast.engine")


def await_engine(settings: WorkerSettings) -> None:
    """Wait until the engine answers; check that its jobs have their files in our archive.

    Raises:
        EngineUnavailable: It did not within the time to wait for it.
        AnotherStore: They have them elsewhere.
    """
    engine = EngineClient(settings.engine_url, settings.engine_wait_seconds)
    address = without_password(settings.engine_url)
    try:
        with _say_when_slow(address, settings.engine_wait_seconds):
            check_same_store(engine, Archive(settings.archive_root))
            check_same_streams(engine, settings.streams_url)
    except EngineUnavailable as error:
        raise EngineUnavailable(
            f"No engine answers at {address}: start `echocast up`,"
            f" or set ECHOCAST_REDIS_URL ({error})."
        ) from error
    finally:
        engine.close()


@contextmanager
def _say_when_slow(address: str, at_most_seconds: float) -> Iterator[None]:
    """Say that the engine is waited for, unless the context ends soon."""
    sentence = "No engine answers at %s yet; it is waited for up to %g s."
    speaker = threading.Timer(SILENCE_SECONDS, log.warning, (sentence, address, at_most_seconds))
    speaker.start()
    try:
        yield
    finally:
        speaker.cancel()


def check_same_store(engine: EngineClient, archive: Archive) -> None:
    """Check that the engine's jobs have their files in this archive; a new engine learns it.

    Raises:
        AnotherStore: The engine's jobs have them in another one.
        EngineUnavailable: The engine does not answer.
    """
    ours = archive.identity()
    theirs = _remembered(engine, STORE_KEY, ours)
    if theirs != ours:
        raise AnotherStore(
            f"The engine's jobs have their files in another archive ({theirs})"
            f" than {archive.root.resolve()} ({ours}): all hosts need one ECHOCAST_DATA_DIR on a"
            " disk they share; to begin anew on purpose, delete 'echocast:store' in the engine."
        )


def check_same_streams(engine: EngineClient, streams_url: str | None) -> None:
    """Check that all at this engine have streams in one place; a new engine learns it.

    Raises:
        AnotherStore: The others have them elsewhere.
        EngineUnavailable: The engine does not answer.
    """
    ours = streams_url or "the archive"
    theirs = _remembered(engine, STREAMS_KEY, ours)
    if theirs != ours:
        raise AnotherStore(
            f"The streams of this engine lie in {theirs}, but here in {ours}: all hosts need one"
            " ECHOCAST_STREAMS_URL; to move them on purpose, copy their files and delete"
            " 'echocast:streams' in the engine."
        )


def _remembered(engine: EngineClient, key: str, ours: str) -> str:
    """What the engine knows, which is ours where it knew nothing."""
    engine.call(lambda: engine.redis.set(key, ours, nx=True))
    return str(engine.call(lambda: engine.redis.get(key)))
