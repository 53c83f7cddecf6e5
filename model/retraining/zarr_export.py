"""The frames of a stream as a Zarr archive in the layout of mlcast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from rich.progress import Progress

from echocast.model.errors import ContractViolation, InputError, UnreadableInput
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.formats.zarr.layout import STATED
from echocast.model.formats.zarr.writer import new_archive, write_frame
from echocast.model.grid import FloatArray
from echocast.model.retraining.frame_archive import FrameArchive


@dataclass
class Exported:
    """What became of an export.

    Args:
        frames: How many were written.
        missing_attributes: Names of attributes that the layout demands and nobody stated.
        left_out: Frames that can't be read, with the reason; they are missing.
    """

    frames: int = 0
    missing_attributes: list[str] = field(default_factory=list)
    left_out: dict[datetime, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        left_out = {time.isoformat(): why for time, why in self.left_out.items()}
        return {**vars(self), "left_out": left_out}


def export(
    archive: FrameArchive, stream: str, url: str, stated: Mapping[str, str], bar: Progress
) -> Exported:
    """Write all frames of a stream as a Zarr archive.

    Args:
        archive: The frames.
        stream: Name of the stream.
        url: Where to write: a folder, or an address that fsspec knows, where nothing is yet.
        stated: Attributes of the archive; they come before those of the frames.
        bar: Shows how far it is.

    Raises:
        InputError: There are no frames, or the archive can't be written.
        ContractViolation: The grid has no projection, or a frame another size.
    """
    times, grid = archive.times(stream), archive.grid(stream)
    if not times:
        raise InputError(f"The archive {archive.url} holds no frames of a stream {stream!r}.")
    exported = Exported()
    first = next((frame for _, frame in _readable(archive, stream, times, {})), None)
    if first is None:
        raise InputError(f"No frame of the stream {stream!r} of {archive.url} can be read.")
    attributes = {**first.header.attributes, **stated}
    exported.missing_attributes = [name for name in STATED if name not in attributes]
    floor = first.header.no_rain_dbz
    with new_archive(url, grid, times, floor, attributes) as values:
        task = bar.add_task("frames", total=len(times))
        for k, frame in _readable(archive, stream, times, exported.left_out):
            _check_size(frame, grid.shape, stream)
            write_frame(values, k, _on_floor(frame, floor))
            exported.frames += 1
            bar.update(task, completed=k + 1)
    return exported


def _readable(
    archive: FrameArchive,
    stream: str,
    times: Sequence[datetime],
    left_out: dict[datetime, str],
) -> Iterator[tuple[int, StreamFrame]]:
    """Frames that can be read, with their index; others are noted."""
    for k, time in enumerate(times):
        try:
            yield k, archive.frame(stream, time)
        except UnreadableInput as error:
            left_out[time] = str(error)


def _on_floor(frame: StreamFrame, floor_dbz: float) -> FloatArray:
    """Values of which dry ones hold the floor of the archive."""
    values = frame.reflectivity_dbz
    return np.where(values <= frame.header.no_rain_dbz, np.float32(floor_dbz), values)


def _check_size(frame: StreamFrame, shape: tuple[int, int], stream: str) -> None:
    if frame.reflectivity_dbz.shape != shape:
        raise ContractViolation(
            f"The frame of {frame.header.time.isoformat()} of the stream {stream!r} has"
            f" {frame.reflectivity_dbz.shape} pixels, not {shape}.",
            rule="grid",
        )
