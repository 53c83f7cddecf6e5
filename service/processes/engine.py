"""The engine process: holds the embedded Valkey of a data directory until a signal stops it."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from echocast.model.errors import EchocastError
from echocast.service.processes.parent_watch import REFUSED
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.settings import WorkerSettings

LOOK_EVERY_SECONDS = 0.2


def main() -> None:
    """Run the embedded engine with the settings of the environment."""
    logging.basicConfig(level="INFO", format="%(asctime)s engine %(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with EmbeddedEngine(WorkerSettings().engine_directory):
            stopping.wait()
    except EchocastError as error:
        print(f"echocast: {error}", file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
