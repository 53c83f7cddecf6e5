"""A gateway whose disk refuses every write while ``bad-disk`` in the data folder names an errno."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from echocast.service.processes.gateway import main

DATA = Path(os.environ["ECHOCAST_DATA_DIR"]).resolve()
SWITCH = DATA / "bad-disk"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "os.mkdir", "os.rename", "os.link"):
        return
    path = str(arguments[0])
    if not path.startswith(str(DATA)) or path == str(SWITCH):
        return
    if event == "open" and not arguments[2] & WRITES:
        return
    try:
        number = int(SWITCH.read_text())
    except (OSError, ValueError):
        return
    raise OSError(number, os.strerror(number), path)


if __name__ == "__main__":
    sys.addaudithook(refuse)
    main()
