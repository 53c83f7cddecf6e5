"""FrameArchive: the stored frames of streams, on a disk or in an object store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from echocast.model.errors import ContractViolation, InputError, UnreadableInput
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.formats.stream_layout import frame_path, origin_path, time_of
from echocast.model.frames import Frames
from echocast.model.grid import Grid


class FrameArchive:
    """The frames of streams as workers store them, read only.

    ``url`` is the same for the same place, however it was written: the absolute path of a folder,
    or an address without a slash at its end.

    Args:
        url: Root of the archive: a folder, or an address that fsspec knows (``s3://...``).

    Raises:
        InputError: The address can't be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, OSError) as error:
            raise InputError(f"The archive {url} can't be opened: {error}.") from error
        here = isinstance(self._files, LocalFileSystem)
        self.url: str = self._root if here else self._files.unstrip_protocol(self._root)

    def streams(self) -> list[str]:
        """Names of the streams that have frames.

        Raises:
            InputError: There is none.
        """
        names = sorted({path.split("/")[-2] for path in self._glob("streams/*/origin.json")})
        if not names:
            raise InputError(f"The archive {self.url} holds no frames of any stream.")
        return names

    def times(self, stream: str) -> list[datetime]:
        """Valid times of all frames of a stream, in order; what has no time in its name is none."""
        names = [path.rpartition("/")[2] for path in self._glob(f"frames/{stream}/*/*/*/*T*Z.npz")]
        return sorted(time_of(name) for name in names)

    def grid(self, stream: str) -> Grid:
        """Where the pixels of a stream are.

        Raises:
            InputError: No frame of it ever came.
        """
        try:
            return Grid.from_json(json.loads(self._read(origin_path(stream)))["grid"])
        except FileNotFoundError:
            raise InputError(
                f"The archive {self.url} holds no frames of a stream {stream!r}."
            ) from None

    def frame(self, stream: str, time: datetime) -> StreamFrame:
        """One frame.

        Raises:
            UnreadableInput: It is damaged.
            InputError: It is gone.
        """
        try:
            return StreamFrame.from_bytes(self._read(frame_path(stream, time)))
        except FileNotFoundError:
            raise InputError(
                f"The frame {frame_path(stream, time)} is gone from the archive {self.url}."
            ) from None
        except UnreadableInput as error:
            raise UnreadableInput(f"{frame_path(stream, time)}: {error}") from error

    def frames(self, stream: str, times: Sequence[datetime]) -> Frames:
        """Some frames as one sequence.

        Raises:
            InputError: One is gone, damaged, or on another grid.
        """
        grid = self.grid(stream)
        frames = [self.frame(stream, time) for time in times]
        for frame in frames:
            if frame.reflectivity_dbz.shape != grid.shape:
                raise ContractViolation(
                    f"The frame of {frame.header.time.isoformat()} of the stream {stream!r} has"
                    f" {frame.reflectivity_dbz.shape} pixels, not {grid.shape}.",
                    rule="grid",
                )
        return Frames(
            np.stack([frame.reflectivity_dbz for frame in frames]),
            tuple(times),
            grid,
            min(frame.header.no_rain_dbz for frame in frames),
            frames[-1].header.attributes,
        )

    def _glob(self, pattern: str) -> Iterator[str]:
        yield from self._files.glob(f"{self._root}/{pattern}")

    def _read(self, path: str) -> Any:
        return self._files.cat_file(f"{self._root}/{path}")
