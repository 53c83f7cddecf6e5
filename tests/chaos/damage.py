"""Files that are damaged on purpose, and what they held before.

Counts can be made again only from their forecasts and frames: those of one stream are damaged, and
forecasts and frames of the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

STREAMS = ("damaged-counts", "damaged-frames")
OF_COUNTS, OF_FRAMES = STREAMS
KINDS = {  # of files, by where they lie
    "forecast": "forecasts/adhoc/**/*.nc",
    "stream forecast": f"forecasts/{OF_FRAMES}/**/*.nc",
    "frame": f"frames/{OF_FRAMES}/**/*.npz",
    "counts": f"counts/{OF_COUNTS}/**/*.json",
}
NEWEST = 4  # frames that are left alone: they may be replaced


@dataclass(frozen=True)
class Damaged:
    """A file that was damaged.

    Args:
        path: Where it lies.
        kind: Of the file.
        how: What was done to it.
        before: Its bytes before.
        after: And after.
    """

    path: Path
    kind: str
    how: str
    before: bytes
    after: bytes

    @property
    def lasts(self) -> bool:
        """Whether the file is still there as it was left; else it was made again, or removed."""
        try:
            return self.path.read_bytes() == self.after
        except FileNotFoundError:
            return False


class Damage:
    """Damages files of an archive, each once.

    Args:
        store: The archive's root.
        chance: What and how.
    """

    def __init__(self, store: Path, chance: random.Random) -> None:
        self.store = store
        self.files: dict[Path, Damaged] = {}
        self._chance = chance

    def one_more(self) -> Damaged | None:
        """Damage another file; None where there is none of its kind yet, or it just went."""
        kind = self._chance.choice(list(KINDS))
        paths = sorted(set(self.store.glob(KINDS[kind])) - self.files.keys())
        paths = paths[:-NEWEST] if kind == "frame" else paths
        if not paths:
            return None
        path, how = self._chance.choice(paths), self._chance.choice(list(HOW))
        try:
            before = path.read_bytes()
            after = HOW[how](before, self._chance)
            with path.open("r+b") as file:
                file.write(after)
                file.truncate()
        except FileNotFoundError:
            return None
        self.files[path] = Damaged(path, kind, how, before, after)
        return self.files[path]

    def lasting(self) -> Iterator[Damaged]:
        """Those that were not made again."""
        return (damaged for damaged in self.files.values() if damaged.lasts)

    def original(self, path: Path) -> bytes:
        """What a file holds, or held before it was damaged."""
        damaged = self.files.get(path)
        return damaged.before if damaged and damaged.lasts else path.read_bytes()


def _flipped(content: bytes, chance: random.Random) -> bytes:
    """One bit in the first half: the end of a zip archive holds bits that mean nothing."""
    changed = bytearray(content)
    changed[chance.randrange(len(content) // 8, len(content) // 2)] ^= 1 << chance.randrange(8)
    return bytes(changed)


HOW: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda content, chance: content[: chance.randrange(1, len(content))],
    "emptied": lambda content, chance: b"",
    "bit flipped": _flipped,
}
