"""A damaged frame counts as missing: it is set aside, bridged, and replaced when it comes again."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import UnreadableInput
from echocast.model.formats.stream_frame import StreamFrame, read_header
from echocast.model.formats.stream_layout import frame_path, stamp
from echocast.workers.archive.damage import DAMAGE
from echocast.workers.errors import StreamConflict
from echocast.workers.jobs.queue import STREAM
from echocast.workers.streams.frame_store import FrameStore
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.stream import Origin, Stream
from tests.damages import DAMAGES, flip
from tests.workers.conftest import World, name_models, until
from tests.workers.streams.stream_bench import ALL, GRID, START, STEP, Bench, stream_frame


def damaged_frames() -> float:
    return DAMAGE.counter.labels("frame")._value.get()


def test_no_flipped_bit_of_a_stored_frame_is_read_as_another_frame() -> None:
    frame = stream_frame(0, seed=3)
    content = frame.to_bytes()
    read = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        try:
            back = StreamFrame.from_bytes(bytes(damaged))
        except UnreadableInput:
            continue
        read += 1
        assert back.header == frame.header
        np.testing.assert_array_equal(back.reflectivity_dbz, frame.reflectivity_dbz)
    assert read < len(content) / 4, "what is read all the same is the zip file's own bookkeeping"


def test_values_of_another_frame_are_not_read() -> None:
    """The zip file's own checksums are right, so only the hash can say so."""
    frame, other = (StreamFrame.to_bytes(stream_frame(0, seed=seed)) for seed in (3, 4))
    mixed = io.BytesIO()
    with np.load(io.BytesIO(frame)) as one, np.load(io.BytesIO(other)) as two:
        np.savez_compressed(mixed, header=one["header"], counts=two["counts"])
    assert read_header(mixed.getvalue()) == read_header(frame)
    with pytest.raises(UnreadableInput, match="do not have the hash"):
        StreamFrame.from_bytes(mixed.getvalue())


@pytest.mark.parametrize("position", range(0, 2000, 97))
def test_damaged_bytes_are_refused_by_name(position: int) -> None:
    content = bytearray(stream_frame(0, seed=3).to_bytes())
    content[position % len(content)] ^= 0xFF
    for read in (read_header, StreamFrame.from_bytes):
        with suppress(UnreadableInput):  # and nothing else
            read(bytes(content))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_frame_is_missing_until_it_comes_again(
    bench: Bench, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for slot in range(3):
        bench.put(slot, seed=slot)
    before, path = damaged_frames(), tmp_path / frame_path("radar", START + STEP)
    DAMAGES[damage](path)
    for _ in range(2):
        frames = FrameStore(bench.stores.files)
        assert frames.get("radar", START + STEP) is None
        assert [h.time for h in frames.headers("radar", ALL)] == [START, START + 2 * STEP]
        assert frames.times("radar", ALL) == [START, START + 2 * STEP]
    assert frames.set_aside_times("radar") == [START + STEP]
    assert damaged_frames() == before + 1
    assert caplog.text.count("The archive is damaged (frame)") == 1
    assert "counts as missing" in caplog.text
    assert frames.put("radar", stream_frame(1, 1), replace=damage != "cut") == (
        "created" if damage == "cut" else "replaced"
    )
    assert frames.set_aside_times("radar") == []
    assert len(frames.headers("radar", ALL)) == 3
    with pytest.raises(StreamConflict):
        frames.put("radar", stream_frame(1, 7), replace=False)


def test_a_frame_that_is_replaced_while_a_damaged_one_is_read_is_not_set_aside(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(0, seed=0)
    path = tmp_path / frame_path("radar", START)
    whole = path.read_bytes()
    path.write_bytes(b"no frame")
    read = bench.stores.files.get

    def replaced_meanwhile(name: str) -> bytes:
        content = read(name)
        bench.stores.files.put(name, whole)
        return content

    monkeypatch.setattr(bench.stores.files, "get", replaced_meanwhile)
    assert bench.stores.frames.header("radar", START) is None
    monkeypatch.undo()
    assert bench.stores.frames.set_aside_times("radar") == []
    assert bench.stores.frames.header("radar", START)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_stream_goes_on_and_bridges_the_damaged_frame(
    make_world: Callable[..., World], tmp_path: Path, damage: str
) -> None:
    world = make_world(models_dir=name_models(tmp_path, "fake/1"), stream_sweep_seconds=0.3)
    processing = StreamProcessing.from_settings(world.settings, 5)
    stores = processing.stores
    stream, _ = stores.streams.declare(Stream("radar", 5))
    stores.streams.set_origin(stream, Origin(GRID, 0))

    def send(slot: int) -> None:
        stores.frames.put("radar", stream_frame(slot, slot), replace=True)
        processing.publisher.publish(STREAM, f"radar/{stamp(START + slot * STEP)}")

    def served() -> list[datetime]:
        listed = stores.forecasts.listing("radar", ALL)
        return [one.forecast_reference_time for one in listed if one.served]

    for slot in range(9):
        stores.frames.put("radar", stream_frame(slot, slot, late=True), replace=True)
    DAMAGES[damage](world.settings.archive_root / frame_path("radar", START + 5 * STEP))
    world.start_worker()
    for slot in (9, 10):
        send(slot)
        until(lambda slot=slot: START + slot * STEP in served())
    assert stores.frames.set_aside_times("radar") == [START + 5 * STEP]
    for issued in stores.forecasts.listing("radar", ALL):
        assert issued.model_name == "fake"
        assert (START + 5 * STEP).isoformat() in issued.quality["bridged"]
    assert processing.sweep() >= 0
    send(5)
    until(lambda: len(stores.frames.headers("radar", ALL)) == 11)
    assert stores.frames.set_aside_times("radar") == []
    processing.close()


def test_a_nowcast_whose_newest_frame_is_damaged_fails_and_is_made_when_it_comes_again(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world(models_dir=name_models(tmp_path, "fake/1"), stream_sweep_seconds=0.3)
    processing = StreamProcessing.from_settings(world.settings, 5)
    stores = processing.stores
    stream, _ = stores.streams.declare(Stream("radar", 5))
    stores.streams.set_origin(stream, Origin(GRID, 0))
    sent = stream_frame(0, 0)
    stores.frames.put("radar", sent, replace=True)
    processing.on_frame("radar", START, START)
    flip(world.settings.archive_root / frame_path("radar", START))
    world.start_worker()
    job = processing.engine.redis.keys("echocast:job:*")[0].rpartition(":")[2]
    assert world.end_of(job).status == "failed"
    assert stores.frames.set_aside_times("radar")
    assert stores.forecasts.latest("radar") is None
    now = datetime.now(START.tzinfo)
    again = replace(sent, header=replace(sent.header, received=now))
    assert stores.frames.put("radar", again, replace=True) == "replaced"
    until(lambda: stores.forecasts.latest("radar"))
    processing.close()
