"""The events of a Zarr archive as the frames of a stream: looked for first, then written.

A national archive has a hundred thousand frames a year, of which most are dry. It is read twice, a
few frames at a time: once to see when it rains, then what is rain is written. An event is what
retraining calls one: from its first to its last wet frame, never dry for as long as two hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress

from echocast.model.errors import ContractViolation, InputError, UnreadableInput
from echocast.model.formats.stream_layout import check_name, frame_path
from echocast.model.formats.zarr.archive import ZarrArchive
from echocast.model.frames import Frames
from echocast.model.retraining.archive_builder import add
from echocast.model.retraining.config import EventRules
from echocast.model.retraining.continuity import wet_share
from echocast.model.retraining.events import wet_stretches

MOST_FAILURES = 20  # frames that can't be read before any that can: then it is no archive for us


@dataclass(frozen=True)
class EventChoice:
    """Which frames of a long archive are written.

    Args:
        begin: The first valid time, UTC; None: from the beginning.
        end: The last one; None: to the end.
        rules: What counts as an event. A ``wet_share`` of 0 makes every frame part of one.
    """

    begin: datetime | None = None
    end: datetime | None = None
    rules: EventRules = field(default_factory=EventRules)


@dataclass
class Built:
    """What became of a Zarr archive.

    Args:
        frames: How many have a time that was chosen.
        measured: In how many of them something was measured.
        events: First and last valid time of each event, and its frames.
        written: Frames that were written; others were there already.
        left_out: Frames that can't be read, with the reason.
    """

    frames: int = 0
    measured: int = 0
    events: list[tuple[datetime, datetime, int]] = field(default_factory=list)
    written: int = 0
    left_out: dict[datetime, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """What was found, for people."""
        in_events = sum(count for _, _, count in self.events)
        return (
            f"{self.frames} frames: something was measured in {self.measured}; {len(self.events)}"
            f" events with {in_events} frames; {len(self.left_out)} left out."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "frames": self.frames,
            "measured": self.measured,
            "written": self.written,
            "events": [
                {"begin": begin.isoformat(), "end": end.isoformat(), "frames": count}
                for begin, end, count in self.events
            ],
            "left_out": {time.isoformat(): why for time, why in self.left_out.items()},
        }


def build_events(
    archive: ZarrArchive, store: Path, stream: str, choice: EventChoice, bar: Progress
) -> Built:
    """Write the events of a Zarr archive below ``store``; frames that are there already stay.

    Args:
        archive: Open.
        store: Root of the archive of frames, made if need be.
        stream: Name of the stream.
        choice: Which times, and what an event is.
        bar: Shows how far it is.

    Raises:
        InputError: There is no frame that was chosen, none can be read, or the store fails.
        ContractViolation: The stream has another grid.
    """
    check_name(stream)
    indices = archive.within(choice.begin, choice.end)
    if len(archive.times) < 2 or not indices:
        raise InputError(f"{archive.where} has {_extent(archive)}, of which none was chosen.")
    built = Built(len(indices))
    reader = _Reader(archive, built.left_out)
    survey = _survey(reader, indices, bar)
    built.measured = len(survey.times)
    events = _events(survey, choice.rules)
    built.events = [(times[0], times[-1], len(times)) for times in events]
    built.written = _write(reader, store, stream, events, survey.floor_dbz, bar)
    return built


def _extent(archive: ZarrArchive) -> str:
    times = archive.times
    return f"{len(times)} frames from {times[0].isoformat()} to {times[-1].isoformat()}"


@dataclass
class _Survey:
    """Valid times of the frames in which something was measured, and how wet each is."""

    times: list[datetime] = field(default_factory=list)
    wet_shares: list[float] = field(default_factory=list)
    floor_dbz: float = 0.0


class _Reader:
    """Reads frames in parts; one that can't be read is left out, and why is noted."""

    def __init__(self, archive: ZarrArchive, left_out: dict[datetime, str]) -> None:
        self.archive, self._left_out = archive, left_out
        self._any_read = False

    def parts(self, indices: Sequence[int], advance: Callable[[int], object]) -> Iterator[Frames]:
        """The frames, a few at a time.

        Args:
            indices: In the archive, in order.
            advance: Called with the number of frames that are done.
        """
        for part in self.archive.parts(indices):
            yield from self._read(part)
            advance(part.stop - part.start)

    def _read(self, part: slice) -> Iterator[Frames]:
        try:
            frames = self.archive.frames(part)
        except (UnreadableInput, ContractViolation) as error:
            if part.stop - part.start == 1:
                self._leave_out(part.start, error)
                return
            for k in range(part.start, part.stop):
                yield from self._read(slice(k, k + 1))
            return
        self._any_read = True
        if len(frames):
            yield frames

    def _leave_out(self, index: int, error: InputError) -> None:
        self._left_out[self.archive.times[index]] = str(error)
        if not self._any_read and len(self._left_out) >= MOST_FAILURES:
            raise error

    def check_any_read(self) -> None:
        """Raise where no frame could be read."""
        if not self._any_read:
            raise UnreadableInput(next(iter(self._left_out.values())))


def _survey(reader: _Reader, indices: Sequence[int], bar: Progress) -> _Survey:
    """Look at every frame once."""
    survey = _Survey()
    task = bar.add_task("looking for rain", total=len(indices))
    for frames in reader.parts(indices, lambda done: bar.advance(task, done)):
        survey.times += frames.times
        survey.wet_shares += map(wet_share, frames.reflectivity_dbz)
        survey.floor_dbz = min(survey.floor_dbz, frames.no_rain_dbz)
    reader.check_any_read()
    return survey


def _events(survey: _Survey, rules: EventRules) -> list[list[datetime]]:
    """Valid times of the frames of each event that is long enough for a window."""
    if rules.wet_share == 0:  # every frame is part of one
        return [survey.times] if survey.times else []
    stretches = wet_stretches(survey.times, survey.wet_shares, rules)
    times = [survey.times[stretch] for stretch in stretches]
    return [event for event in times if len(event) >= rules.window_frames]


def _write(
    reader: _Reader,
    store: Path,
    stream: str,
    events: Sequence[Sequence[datetime]],
    floor_dbz: float,
    bar: Progress,
) -> int:
    """Write the frames of events that are not there yet; the floor is one for all."""
    archive = reader.archive
    index = {time: k for k, time in enumerate(archive.times)}
    missing = [
        index[time]
        for event in events
        for time in event
        if not (store / frame_path(stream, time)).exists()
    ]
    task = bar.add_task("writing events", total=len(missing))
    written = 0
    for frames in reader.parts(missing, lambda done: bar.advance(task, done)):
        same = replace(frames, no_rain_dbz=floor_dbz)
        written += add(same, store, stream, archive.where, archive.times)
    return written
