"""A wall clock for all processes of a service, which jumps ahead when its driver says so.

Between two jumps it runs as the machine's own. ``clock.c`` is loaded into every process before all
else (LD_PRELOAD) and reads the jumps from a file that all of them have mapped, so that a jump is
one for all. Monotonic clocks, and with them sleeps and timeouts, are left alone.

Children that read uploads get few variables of the environment; ``PYTHONPATH`` is one of them. So
a ``sitecustomize.py`` on it starts every Python once more, with the library.
"""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

COMPILER = "cc"
SOURCE = Path(__file__).with_name("clock.c")
MOST_JUMPS = 1_000_000
AGAIN = """
import os
import sys

CLOCK = {clock}
if "LD_PRELOAD" not in os.environ:
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | CLOCK)
"""
COUNT, JUMP = struct.Struct("q"), struct.Struct("qq")
NS = 10**9


class DrivenClock:
    """The clock; its file lies in a folder of the caller's.

    Args:
        folder: For the library and the file of jumps.
        start: What time it is.
    """

    def __init__(self, folder: Path, start: datetime) -> None:
        library, path = folder / "clock.so", folder / "clock"
        options = ("-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl")
        subprocess.run([COMPILER, *options], check=True)
        path.touch()
        with path.open("r+b") as file:
            file.truncate(COUNT.size + MOST_JUMPS * JUMP.size)
            self._file = mmap.mmap(file.fileno(), 0)
        self._count, self._ahead = 0, 0
        clock = {"LD_PRELOAD": str(library), "ECHOCAST_TEST_CLOCK": str(path)}
        (folder / "sitecustomize.py").write_text(AGAIN.format(clock=clock))
        paths = [str(folder), os.environ.get("PYTHONPATH", "")]
        self.environment: Mapping[str, str] = {"PYTHONPATH": os.pathsep.join(paths)}
        self.jump_to(start)

    @property
    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp((time.time_ns() + self._ahead) / NS, UTC)

    def jump_to(self, now: datetime) -> None:
        """Go ahead to a time, at once for all processes; never back."""
        real = time.time_ns()
        ahead = round(now.timestamp() * NS) - real
        if self._count and ahead <= self._ahead:
            return
        JUMP.pack_into(self._file, COUNT.size + self._count * JUMP.size, real, ahead)
        self._count, self._ahead = self._count + 1, ahead
        COUNT.pack_into(self._file, 0, self._count)
