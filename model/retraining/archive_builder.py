"""An archive of stored frames from radar files, laid out as a stream's is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
from echocast.model.frames import Frames, median_step
from echocast.model.grid import Grid

RETENTION_DAYS = 36500.0  # an archive that was built by hand is never cleaned up


def build(files: Sequence[Path], reading: Reading, store: Path, stream: str) -> Iterator[int]:
    """Write the frames of radar files below ``store``; those that are there already stay.

    A new stream is declared after the last file: only then its step is known.

    Args:
        files: All on one grid; each is read once.
        reading: How they are read.
        store: Root of the archive, made if need be.
        stream: Name of the stream.

    Yields:
        After each file, how many of its frames were written.

    Raises:
        ContractViolation: A file is on another grid than the stream, or the only one has one frame.
        InputError: A file can't be read.
    """
    check_name(stream)
    grid, times = _declared_grid(store, stream), set[datetime]()
    for path in files:
        frames = read_frames([path], reading)
        grid = grid or frames.grid
        _check_grid(grid, frames.grid, stream, path.name)
        times.update(frames.times)
        if len(files) == 1:
            _declare(store, stream, grid, frames.times, path.name)
        yield _put_all(store, stream, frames)
    if grid is not None:
        _declare(store, stream, grid, sorted(times), files[0].name)


def add(
    frames: Frames,
    store: Path,
    stream: str,
    name: str,
    times: Sequence[datetime] | None = None,
) -> int:
    """Write frames below ``store``; those that are there already stay.

    Args:
        frames: Two or more, or some of more.
        store: Root of the archive, made if need be.
        stream: Name of the stream.
        name: Of where they come from, for people.
        times: Valid times of all frames to come, for the step of a new stream; None: of these.

    Returns:
        How many were written.

    Raises:
        ContractViolation: They are on another grid than the stream.
    """
    check_name(stream)
    _declare(store, stream, frames.grid, frames.times if times is None else times, name)
    return _put_all(store, stream, frames)


def _declare(store: Path, stream: str, grid: Grid, times: Sequence[datetime], name: str) -> None:
    """Declare the stream as its first frames have it; refuse another grid."""
    theirs = _declared_grid(store, stream)
    if theirs is None:
        seconds = _step_seconds(times, name)
        minutes, phase = seconds / 60, times[0].timestamp() % seconds
        declaration = {
            "name": stream,
            "step_minutes": minutes,
            "units": "dBZ",
            "grid": grid.to_json(),
            "retention_days": RETENTION_DAYS,
            "auto_nowcast": False,
            "maximum_gap_minutes": 2 * minutes,
        }
        _write(store / declaration_path(stream), json.dumps(declaration).encode())
        origin_facts = {"grid": grid.to_json(), "phase_seconds": phase}
        _write(store / origin_path(stream), json.dumps(origin_facts).encode())
    else:
        _check_grid(theirs, grid, stream, name)


def _declared_grid(store: Path, stream: str) -> Grid | None:
    """The grid of the stream; None where it is new."""
    origin = store / origin_path(stream)
    return Grid.from_json(json.loads(origin.read_bytes())["grid"]) if origin.exists() else None


def _check_grid(theirs: Grid, grid: Grid, stream: str, name: str) -> None:
    if not theirs.same_as(grid):
        raise ContractViolation(
            f"{name} is on another grid ({grid.shape}) than the stream {stream!r}"
            f" ({theirs.shape}); give it a stream of its own.",
            rule="grid",
        )


def _step_seconds(times: Sequence[datetime], name: str) -> float:
    if len(times) < 2:
        raise ContractViolation(
            f"{name} alone has no time step: give all files of the stream, or their folder.",
            rule="frame-count",
        )
    return median_step(times).total_seconds()


def _put_all(store: Path, stream: str, frames: Frames) -> int:
    return sum(_put(store, stream, frames, k) for k in range(len(frames)))


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
