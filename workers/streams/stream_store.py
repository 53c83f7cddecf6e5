"""StreamStore: which streams there are, with their declarations and origins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from echocast.model.errors import ContractViolation
from echocast.model.formats.stream_layout import NAME
from echocast.model.grid_difference import grid_difference
from echocast.workers.archive.files import Files
from echocast.workers.errors import StreamConflict, UnknownStream
from echocast.workers.streams.paths import declaration_path, encoded, origin_path
from echocast.workers.streams.stream import Origin, Stream

REMEMBERED = 256  # declarations and origins


class StreamStore:
    """Declarations as files; safe to share among threads and processes.

    Args:
        files: Where they lie.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._remembered = lru_cache(REMEMBERED)(self._read)

    def declare(self, stream: Stream) -> tuple[Stream, bool]:
        """Declare a stream; the valid declaration, and whether the stream is new.

        Raises:
            StreamConflict: It was declared with another grid, step or unit.
        """
        path = declaration_path(stream.name)
        if self._files.create(path, encoded(stream.to_json())):
            return stream, True
        earlier = self.stream(stream.name)
        valid = earlier.redeclared(stream)
        origin = self.origin(stream.name)
        if origin and valid.grid and not origin.grid.near(valid.grid):
            raise StreamConflict(
                f"Declarations of the stream {stream.name!r} must be on the grid of its frames,"
                f" but {grid_difference(origin.grid, valid.grid)}."
            )
        if valid.to_json() != earlier.to_json():
            self._files.put(path, encoded(valid.to_json()))
        return valid, False

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            UnknownStream: None was declared.
        """
        unknown = UnknownStream(f"There is no stream {name[:80]!r}; declare it first.")
        if not NAME.fullmatch(name):
            raise unknown
        value = self._value(declaration_path(name))
        if value is None:
            raise unknown
        return Stream.from_json(value)

    def names(self) -> list[str]:
        """All declared streams."""
        known = self._files.folders("streams")
        return [name for name in known if self._files.version(declaration_path(name))]

    def origin(self, name: str) -> Origin | None:
        """Grid and phase of the first frame, None before it came."""
        value = self._value(origin_path(name))
        return None if value is None else Origin.from_json(value)

    def set_origin(self, stream: Stream, origin: Origin) -> Origin:
        """Set the origin where this frame is the first; the origin of the first frame.

        Raises:
            ContractViolation: The frame is on another grid than the stream.
        """
        declared = stream.grid or origin.grid
        first = self.origin(stream.name)
        if first is None and declared.near(origin.grid):
            self._files.create(origin_path(stream.name), encoded(origin.to_json()))
            first = self.origin(stream.name)
        grid = first.grid if first else declared
        if first is None or not grid.near(origin.grid):
            raise ContractViolation(
                f"Frames of the stream {stream.name!r} must be on its grid, but"
                f" {grid_difference(grid, origin.grid)}.",
                rule="grid",
            )
        return first

    def canary(self, name: str, champion: str) -> str:
        """``name/version`` of the model that forecast first: it stays the stream's canary."""
        path = f"streams/{name}/canary.json"
        if self._files.version(path) is None:
            self._files.create(path, encoded({"model": champion}))
        return str((self._value(path) or {})["model"])

    def _value(self, path: str) -> Mapping[str, Any] | None:
        """The JSON in a file, None where there is none; it is read once for each version."""
        version = self._files.version(path)
        return None if version is None else self._remembered(path, version)

    def _read(self, path: str, _version: str) -> Mapping[str, Any]:
        value: Mapping[str, Any] = json.loads(self._files.get(path))
        return value
