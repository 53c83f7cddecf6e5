"""The frames of an event, of one file, of many, and of packages of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import ContractViolation, UnreadableInput
from echocast.model.formats import readers
from echocast.model.formats.event_files import EventFiles
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from tests.model.formats.foreign_files import TIME, geotiff
from tests.model.formats.radar_files import small_storm
from tests.model.formats.test_packed_files import zip_of

MINUTES = (0, 5, 10, 15, 25, 30, 35, 40, 45)  # one image is missing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Single images as an agency names them, and a file that no reader should see."""
    folder = tmp_path_factory.mktemp("event")
    for index, minutes in enumerate(MINUTES):
        raw = np.full((24, 20), 60 + index, np.uint8)
        time = TIME + timedelta(minutes=minutes)
        geotiff(folder, f"{time:%Y%m%d%H%M}.tif", raw=raw, tags={"OBSERVATION TIME": ""})
    (folder / ".hidden").write_text("not a radar file")
    return folder


def test_a_folder_of_single_images_is_one_sequence(folder: Path) -> None:
    event = EventFiles.of([folder])
    assert event.name == folder.name
    assert event.times == tuple(TIME + timedelta(minutes=m) for m in MINUTES)
    whole = read_frames(sorted(folder.glob("*.tif")))
    assert event.frames(slice(0, len(MINUTES))).sha256() == whole.sha256()


def test_only_files_of_a_part_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = EventFiles.of([folder])
    opened: list[str] = []
    unpacked = readers.unpacked
    monkeypatch.setattr(
        readers, "unpacked", lambda path, scratch: opened.append(path.name) or unpacked(path)
    )
    part = event.frames(slice(2, 4))
    assert part.times == event.times[2:4]
    assert opened == ["202607011215.tif", "202607011220.tif"]


def test_parts_with_a_gap_are_left_out(folder: Path) -> None:
    event = EventFiles.of([folder])
    assert event.even_windows(4, 1) == [slice(0, 4), slice(4, 8), slice(5, 9)]
    assert event.even_windows(6, 1) == []
    assert event.even_windows(20, 1) == []


def test_a_file_of_many_frames_and_a_package_are_events_alike(folder: Path, tmp_path: Path) -> None:
    write_frames(small_storm(frames=6), tmp_path / "storm.nc")
    frames = read_frames([tmp_path / "storm.nc"])
    event = EventFiles.of([tmp_path / "storm.nc"])
    assert event.name == "storm"
    assert event.frames(slice(1, 4)).sha256() == frames[1:4].sha256()
    package = EventFiles.of([zip_of(sorted(folder.glob("*.tif")), tmp_path / "event.zip")])
    of_folder = EventFiles.of([folder])
    assert package.times == of_folder.times
    assert package.frames(slice(3, 6)).sha256() == of_folder.frames(slice(3, 6)).sha256()


def test_an_event_is_read_as_the_caller_says(folder: Path) -> None:
    words = {"bbox": "-180,-90,180,90", "reduce": 1}
    with pytest.raises(ContractViolation, match="stated"):
        EventFiles.of([folder], Reading.of_words(units="dBZ", gain=2.0, **words)).frames(
            slice(0, 2)
        )


def test_an_empty_folder_is_no_event(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="holds no file"):
        EventFiles.of([tmp_path])
