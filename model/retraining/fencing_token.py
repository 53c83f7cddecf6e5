"""Fencing token: a retraining that was replaced by a newer one can't publish any more.

Whoever hands out work gives every retraining a number, each higher than the one before, and raises
the fence of the registry to it. A process that was thought dead and comes back has a lower number
and is refused here, at the registry.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocast.model.atomic_files import flush
from echocast.model.errors import RegistryConflict

FENCE = ".retraining-fence"


def fence_of(root: Path) -> int:
    """The highest number that was given out; 0 before the first."""
    try:
        return int((root / FENCE).read_text() or 0)
    except FileNotFoundError:
        return 0


def raise_fence(root: Path, number: int) -> None:
    """Refuse all retrainings with a lower number from now on.

    Raises:
        RegistryConflict: A higher number was given out already.
    """
    with _locked(root):
        _check(root, number)
        (root / FENCE).write_text(str(number))
        flush(root / FENCE)


@contextmanager
def fenced(root: Path, number: int | None) -> Iterator[None]:
    """A context in which the fence is not raised; without a number there is none.

    Raises:
        RegistryConflict: A retraining with a higher number has begun.
    """
    if number is None:
        yield
        return
    with _locked(root):
        _check(root, number)
        yield


def _check(root: Path, number: int) -> None:
    if number < (highest := fence_of(root)):
        raise RegistryConflict(
            f"Retraining number {number} has lost its place to number {highest} and publishes"
            " nothing."
        )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{FENCE}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
