"""An archive of stored frames from radar files, laid out as a stream's is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.formats.stream_layout import (
    check_name,
    declaration_path,
    frame_path,
    origin_path,
)
from echocast.model.frames import Frames, Grid

RETENTION_DAYS = 36500.0  # an archive that was built by hand is never cleaned up


def build(files: Sequence[Path], store: Path, stream: str, reading: Reading | None = None) -> int:
    """Write the frames of radar files below ``store``; those that are there already stay.

    Args:
        files: Each is read by itself; all are on one grid.
        store: Root of the archive, made if need be.
        stream: Name of the stream.
        reading: Which part of them, and what they leave open.

    Returns:
        How many frames were written.

    Raises:
        ContractViolation: A file is on another grid than the stream.
        InputError: A file can't be read.
    """
    return sum(add(read_frames([path], reading), store, stream, path.name) for path in files)


def add(frames: Frames, store: Path, stream: str, name: str) -> int:
    """Write frames below ``store``; those that are there already stay.

    Args:
        frames: Two or more.
        store: Root of the archive, made if need be.
        stream: Name of the stream.
        name: Of where they come from, for people.

    Returns:
        How many were written.

    Raises:
        ContractViolation: They are on another grid than the stream.
    """
    check_name(stream)
    _declare(store, stream, frames, name)
    return sum(_put(store, stream, frames, k) for k in range(len(frames)))


def _declare(store: Path, stream: str, frames: Frames, name: str) -> None:
    """Declare the stream as its first file has it; refuse another grid."""
    origin = store / origin_path(stream)
    if not origin.exists():
        minutes = frames.step.total_seconds() / 60
        phase = frames.times[0].timestamp() % frames.step.total_seconds()
        declaration = {
            "name": stream,
            "step_minutes": minutes,
            "units": "dBZ",
            "grid": frames.grid.to_json(),
            "retention_days": RETENTION_DAYS,
            "auto_nowcast": False,
            "maximum_gap_minutes": 2 * minutes,
        }
        _write(store / declaration_path(stream), json.dumps(declaration).encode())
        origin_facts = {"grid": frames.grid.to_json(), "phase_seconds": phase}
        _write(origin, json.dumps(origin_facts).encode())
    theirs = Grid.from_json(json.loads(origin.read_bytes())["grid"])
    if not theirs.same_as(frames.grid):
        raise ContractViolation(
            f"{name} is on another grid ({frames.grid.shape}) than the stream {stream!r}"
            f" ({theirs.shape}); give it a stream of its own.",
            rule="grid",
        )


def _put(store: Path, stream: str, frames: Frames, k: int) -> bool:
    """Write one frame; False where it is there already."""
    place = store / frame_path(stream, frames.times[k])
    if place.exists():
        return False
    frame = StreamFrame.of(
        frames.times[k],
        frames.reflectivity_dbz[k],
        frames.no_rain_dbz,
        datetime.now(UTC),
        late=False,
        attributes=frames.attributes,
        notes=frames.notes,
    )
    _write(place, frame.to_bytes())
    return True


def _write(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}.new")
    new.write_bytes(content)
    new.replace(place)
