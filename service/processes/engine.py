"""The engine process: holds the embedded Valkey of a data directory until a signal stops it."""

from __future__ import annotations

import signal

from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.errors import EngineError
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence
from echocast.workers.settings import WorkerSettings


def main() -> None:
    """Run the embedded engine with the settings of the environment.

    Only a wrong configuration ends it for good; whatever else ends it, it is started again.
    """
    with ending_by_a_sentence("echocast"):
        settings = WorkerSettings()
        log_to_stderr("engine", settings.log, settings.log_level)
        keep_private(settings.umask, settings.own_folders)
        memory = str(settings.engine_memory_bytes)
        engine = EmbeddedEngine(settings.engine_directory, maximum_memory=memory)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: engine.request_stop())
        try:
            with engine:
                engine.wait_for_request()
        except OSError as error:
            raise EngineError(str(error)) from error


if __name__ == "__main__":
    main()
