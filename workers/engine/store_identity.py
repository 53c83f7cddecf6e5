"""Whether an engine and an archive belong together.

Jobs in the engine name files in the archive. A worker or gateway whose ``ECHOCAST_DATA_DIR`` is not
the others' would fail at random: whoever takes a job finds no frames. So the archive has a name of
its own, and the engine remembers it. So it is with where streams lie: frames fed into one place
would never be forecast from another.
"""

from __future__ import annotations

from typing import Final

from echocast.workers.archive.archive import Archive
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import AnotherStore

STORE_KEY: Final = "echocast:store"
STREAMS_KEY: Final = "echocast:streams"


def check_same_store(engine: EngineClient, archive: Archive) -> None:
    """Return where the engine's jobs have their files in this archive; a new engine learns it.

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
    """Return where everybody at this engine has streams in one place; a new engine learns it.

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
