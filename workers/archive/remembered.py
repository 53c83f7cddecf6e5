"""Remembered: what was read of files, for some hours."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar, TypeVarTuple

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Arguments = TypeVarTuple("Arguments")
HOURS: Final = 6.0

now = time.time  # a clock that is set goes wrong for nobody: what is forgotten is read again


class Remembered(Generic[Key, Value]):
    """Values for six hours each; safe to share among threads.

    What is needed at every sweep is made anew four times a day, and what nobody asks for any more
    is gone: so memory follows the span that is looked at, and not how long a process lives. Fewer
    of them at most would do worse: a sweep of more streams than that would find nothing of what it
    read the time before.

    Args:
        most: Values in any case; beyond, the oldest go.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value of a key; None: it is to be made."""
        with self._lock:
            at, value = self._values.get(key, (0.0, None))
        return value if _is_young(at) else None

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, and forget the oldest ones."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = now(), value
            while self._values and (len(self._values) > self._most or not self._young()):
                self._values.popitem(last=False)

    def _young(self) -> bool:
        """Whether the oldest one, and so every one, may be remembered on."""
        return _is_young(next(iter(self._values.values()))[0])


def remembering(most: int, make: Callable[[*Arguments], Value]) -> Callable[[*Arguments], Value]:
    """A function whose values are remembered by its arguments."""
    values: Remembered[tuple[*Arguments], tuple[Value]] = Remembered(most)

    def remembered(*key: *Arguments) -> Value:
        known = values.get(key)
        if known is None:
            known = (make(*key),)
            values.put(key, known)
        return known[0]

    return remembered


def _is_young(since: float) -> bool:
    return 0 <= now() - since < HOURS * 3600
