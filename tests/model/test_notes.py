"""Notes of the input: what a reader decided goes with the frames into the forecast's quality."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from echocast.model.formats.merging import merge
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames, joined_notes
from echocast.model.grid import Grid
from echocast.workers.streams.input_frames import ChosenFrames, assemble

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOTE = {"codes": "255 was read as missing."}


def frames(count: int = 3, first: int = 0, notes: dict[str, str] = NOTE) -> Frames:
    times = tuple(START + (first + k) * timedelta(minutes=5) for k in range(count))
    values = np.zeros((count, 16, 16), np.float32)
    return Frames(values, times, Grid.of_pixels(16, 16), notes=notes)


def test_parts_and_other_values_of_frames_have_their_notes() -> None:
    whole = frames()
    assert whole[1:].notes == NOTE
    assert whole.with_values(whole.reflectivity_dbz + 1, whole.times).notes == NOTE


def test_a_description_brings_the_notes_back_and_has_none_where_there_are_none() -> None:
    noted, plain = frames(), frames(notes={})
    description = json.loads(json.dumps(noted.description()))
    assert Frames.from_description(noted.reflectivity_dbz, description).notes == NOTE
    assert "notes" not in plain.description()  # the hash of frames without notes never changes
    assert noted.sha256() != plain.sha256()


def test_merged_frames_have_every_different_sentence_once() -> None:
    parts = [frames(1), frames(1, 1), frames(1, 2, {"codes": "0 was read as dry.", "time": "Odd."})]
    assert merge(parts).notes == {
        "codes": "255 was read as missing. 0 was read as dry.",
        "time": "Odd.",
    }
    assert joined_notes([]) == {}


def test_a_stored_frame_of_a_stream_hands_its_notes_to_the_nowcast() -> None:
    stored = StreamFrame.of(
        START, np.zeros((16, 16), np.float32), 0.0, START, late=False, attributes={}, notes=NOTE
    )
    read = StreamFrame.from_bytes(stored.to_bytes())
    assert read.header.notes == NOTE
    assert "notes" not in replace(read.header, notes={}).to_json()  # older workers read it, too
    chosen = assemble(Grid.of_pixels(16, 16), ChosenFrames((START,), (START,), 10), {START: read})
    assert chosen.notes == NOTE
