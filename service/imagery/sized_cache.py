"""SizedCache: what was made lately, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SizedCache(Generic[Value]):
    """The values that were asked for last; safe to share among threads.

    Args:
        most_bytes: Of all values together.
        size: Bytes of a value.
    """

    def __init__(self, most_bytes: int, size: Callable[[Value], int]) -> None:
        self._most, self._size, self._bytes = most_bytes, size, 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, None where there is none."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def forget(self, is_gone: Callable[[Value], bool]) -> None:
        """Forget the values that are of no use any more."""
        with self._lock:
            for key in [key for key, value in self._values.items() if is_gone(value)]:
                self._bytes -= self._size(self._values.pop(key))

    def made(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where there is none; two threads may make the same."""
        known = self.get(key)
        if known is not None:
            return known
        value = make()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._bytes += self._size(value)
            while self._bytes > self._most and len(self._values) > 1:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= self._size(oldest)
        return value
