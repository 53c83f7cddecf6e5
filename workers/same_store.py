"""Whether an engine and an archive belong together.

Jobs in the engine name files in the archive. A worker or gateway whose ``ECHOCAST_DATA_DIR`` is not
the others' would fail at random: whoever takes a job finds no frames. So the archive has a name of
its own, and the engine remembers it.
"""

from __future__ import annotations

from typing import Final

from workers.archive import Archive
from workers.engine_client import EngineClient
from workers.errors import AnotherStore

STORE_KEY: Final = "echocast:store"


def check_same_store(engine: EngineClient, archive: Archive) -> None:
    """Return where the engine's jobs have their files in this archive; a new engine learns it.

    Raises:
        AnotherStore: The engine's jobs have them in another one.
        EngineUnavailable: The engine does not answer.
    """
    ours = archive.identity()
    engine.call(lambda: engine.redis.set(STORE_KEY, ours, nx=True))
    theirs = engine.call(lambda: engine.redis.get(STORE_KEY))
    if theirs != ours:
        raise AnotherStore(
            f"The engine's jobs have their files in another archive ({theirs})"
            f" than {archive.root.resolve()} ({ours}): all hosts need one ECHOCAST_DATA_DIR on a"
            " disk they share; to begin anew on purpose, delete 'echocast:store' in the engine."
        )
