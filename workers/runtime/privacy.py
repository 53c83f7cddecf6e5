"""Files of a service belong to its user."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger("echocast.privacy")


def keep_private(umask: str, folders: Iterable[Path]) -> None:
    """Give new files of this process, and folders that are there, no more than these permissions.

    A folder without permissions for others shuts them out of all files below, whatever theirs are.

    Args:
        umask: The permissions that are taken away, in octal.
        folders: Those that are not there yet are made private when they are made.
    """
    taken = int(umask, 8)
    os.umask(taken)
    for folder in folders:
        if folder.is_dir() and (mode := folder.stat().st_mode & 0o7777) & taken:
            try:
                folder.chmod(mode & ~taken)
            except OSError as error:
                log.warning("Others may read %s: %s.", folder, error.strerror)
