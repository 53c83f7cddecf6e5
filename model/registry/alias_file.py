"""The alias file: which roles the models have, for people; the history is what holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from echocast.model.errors import CheckpointError
from echocast.model.registry.storage import ABSENT, Folder

ALIASES = "aliases.json"
log = logging.getLogger(__name__)


def aliases_in(root: Path) -> dict[str, str]:
    """What the alias file of a folder says; nothing where there is none.

    Raises:
        CheckpointError: It is damaged.
    """
    path = root / ALIASES
    try:
        aliases: dict[str, str] = json.loads(path.read_text())
    except ABSENT:
        return {}
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    if not isinstance(aliases, dict) or not all(isinstance(at, str) for at in aliases.values()):
        raise CheckpointError(f"{path} is damaged: it holds no names of models by role.")
    return aliases


def write_aliases(folder: Folder, aliases: Mapping[str, str]) -> None:
    """Write the copy; where that fails the next start does it, and nobody is misled meanwhile."""
    try:
        folder.write(ALIASES, (json.dumps(aliases, indent=2) + "\n").encode())
    except OSError as error:
        log.error("%s is behind the history until the next start: %s", ALIASES, error)


def difference(root: Path, aliases: Mapping[str, str]) -> str | None:
    """What is wrong with the alias file where these hold, as a clause; None where it agrees."""
    try:
        found = aliases_in(root)
    except CheckpointError as error:
        return str(error).rstrip(".")
    return None if found == aliases else f"{ALIASES} said {json.dumps(found)}"
