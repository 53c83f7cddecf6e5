"""A process that ends when its parent does, however the parent ends.

``python -m echocast.service.processes.parent_watch MODULE ARGUMENTS...`` runs a module as
``python -m`` would, and ends it when standard input ends: the pipe of a parent that was killed
closes by itself, on every system.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 6.0


def main() -> None:
    """Run the module named by the first argument."""
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_standard_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def command(module: str, *arguments: str) -> list[str]:
    """What to start, with a pipe on standard input."""
    return [sys.executable, "-m", "echocast.service.processes.parent_watch", module, *arguments]


if __name__ == "__main__":
    main()
