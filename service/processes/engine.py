"""The engine process: holds the embedded Valkey of a data directory until a signal stops it."""

from __future__ import annotations

import signal
import sys

from echocast.service.processes.parent_watch import REFUSED
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.errors import EngineError, EngineRefused
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.settings import WorkerSettings


def main() -> None:
    """Run the embedded engine with the settings of the environment.

    Only a wrong configuration ends it for good; whatever else ends it, it is started again.
    """
    settings = WorkerSettings()
    log_to_stderr("engine", settings.log, settings.log_level)
    keep_private(settings.umask, settings.own_folders)
    engine = EmbeddedEngine(settings.engine_directory)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: engine.request_stop())
    try:
        with engine:
            engine.wait_for_request()
    except (EngineError, OSError) as error:
        print(f"echocast: {error}", file=sys.stderr)
        sys.exit(REFUSED if isinstance(error, EngineRefused) else 1)


if __name__ == "__main__":
    main()
