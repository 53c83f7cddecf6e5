"""Archives are read in even runs; a gap, another Z-R, grid or calibration ends one, and is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner

from echocast.model.cli import retraining
from echocast.model.errors import ContractViolation, InputError
from echocast.model.formats import readers
from echocast.model.formats.crop import Crop
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.formats.stream_layout import declaration_path, frame_path
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.retraining.archive_builder import add, build
from echocast.model.retraining.config import EventRules
from echocast.model.retraining.continuity import FrameSummary, Segment, segments, summarise_frames
from echocast.model.retraining.events import events
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.synthetic.storms import storm
from tests.model.retraining.worlds import BEGIN, STEP, event, fill

WEATHER = storm(3, frames=18, height=160, width=160, start=BEGIN)
RAIN = storm(207, frames=18, height=160, width=160, start=BEGIN)


def surveyed(archive: FrameArchive, stream: str = "radar"):
    return segments(stream, list(summarise_frames(archive, stream, archive.times(stream))))


def changed(frames: Frames, first: int, change: Callable[[Frames], Frames]) -> list[Frames]:
    return [frames[:first], change(frames[first:])]


def test_what_was_stored_is_what_is_read(tmp_path: Path):
    archive = fill(tmp_path, [WEATHER])
    assert archive.streams() == ["radar"]
    assert archive.times("radar") == list(WEATHER.times)
    again = archive.frames("radar", WEATHER.times)
    np.testing.assert_allclose(again.reflectivity_dbz, WEATHER.reflectivity_dbz, atol=0.0051)
    assert again.grid.same_as(WEATHER.grid)
    assert again.no_rain_dbz == WEATHER.no_rain_dbz


def test_an_even_archive_is_one_run(tmp_path: Path):
    whole, discontinuities = surveyed(fill(tmp_path, [WEATHER]))
    assert [len(segment.summaries) for segment in whole] == [18]
    assert not discontinuities


def test_a_gap_ends_a_run_and_is_told(tmp_path: Path):
    archive = fill(tmp_path, [WEATHER])
    (tmp_path / frame_path("radar", WEATHER.times[7])).unlink()
    parts, discontinuities = surveyed(archive)
    assert [len(segment.summaries) for segment in parts] == [7, 10]
    assert [(b.kind, b.time, b.text) for b in discontinuities] == [
        ("gap", WEATHER.times[8], "12 minutes without a frame")
    ]


def test_a_frame_out_of_step_ends_a_run(tmp_path: Path):
    between = WEATHER[9:11].with_values(
        WEATHER.reflectivity_dbz[9:11],
        [WEATHER.times[9], WEATHER.times[9] + timedelta(minutes=2)],
    )
    _, discontinuities = surveyed(fill(tmp_path, [WEATHER, between]))
    assert {b.kind for b in discontinuities} == {"step"}


@pytest.mark.parametrize(("before", "after", "kind"), [(5, 10, "gap"), (10, 5, "step")])
def test_a_stream_that_changes_its_step_has_a_run_of_either(tmp_path: Path, before, after, kind):
    minutes = np.cumsum([0, *[before] * 8, *[after] * 9]).tolist()
    times = [BEGIN + timedelta(minutes=value) for value in minutes]
    parts, discontinuities = surveyed(
        fill(tmp_path, [WEATHER.with_values(WEATHER.reflectivity_dbz, times)])
    )
    assert [(b.kind, b.time) for b in discontinuities] == [(kind, times[9])]
    assert [len(segment.summaries) for segment in parts] == [9, 9]
    assert [segment.step for segment in parts] == [timedelta(minutes=m) for m in (before, after)]


def test_another_relation_of_rain_and_reflectivity_ends_a_run(tmp_path: Path):
    def other(frames: Frames) -> Frames:
        return replace(frames, attributes={**frames.attributes, "zr_a": "300", "zr_b": "1.4"})

    parts, discontinuities = surveyed(fill(tmp_path, changed(WEATHER, 6, other)))
    assert [len(segment.summaries) for segment in parts] == [6, 12]
    assert discontinuities[0].text == "the z-r changes from not given to 300/1.4"


def test_another_floor_ends_a_run(tmp_path: Path):
    parts, discontinuities = surveyed(
        fill(tmp_path, changed(WEATHER, 6, lambda f: replace(f, no_rain_dbz=-20.0)))
    )
    assert [len(segment.summaries) for segment in parts] == [6, 12]
    assert discontinuities[0].kind == "floor"


@pytest.mark.parametrize("step", [-3.0, 2.0, 3.0])
def test_a_step_of_the_calibration_that_nobody_declared_ends_a_run(tmp_path: Path, step: float):
    def shifted(frames: Frames) -> Frames:
        values = frames.reflectivity_dbz
        return frames.with_values(np.where(values > 0, values + step, values), frames.times)

    parts, discontinuities = surveyed(fill(tmp_path, changed(RAIN, 9, shifted)))
    assert [len(segment.summaries) for segment in parts] == [9, 9]
    assert discontinuities[0].kind == "calibration"
    assert float(discontinuities[0].text.split()[4]) == pytest.approx(step, abs=0.4)


def test_a_damaged_frame_is_left_out_and_told(tmp_path: Path):
    archive = fill(tmp_path, [WEATHER])
    (tmp_path / frame_path("radar", WEATHER.times[5])).write_bytes(b"no frame")
    parts, discontinuities = surveyed(archive)
    assert [len(segment.summaries) for segment in parts] == [5, 12]
    assert [b.kind for b in discontinuities] == ["damaged", "gap"]


def test_frames_on_another_grid_are_refused_when_an_archive_is_built(tmp_path: Path):
    fill(tmp_path, [WEATHER])
    with pytest.raises(ContractViolation, match="another grid"):
        add(event(0), tmp_path, "radar", "other.nc")


def test_frames_of_another_size_end_a_run(tmp_path: Path):
    """A service does not take them; an archive may have been put together by hand."""
    archive = fill(tmp_path, [WEATHER[:9]])
    small = Frames(
        WEATHER.reflectivity_dbz[9:, :80, :80],
        WEATHER.times[9:],
        Grid(WEATHER.grid.y[:80], WEATHER.grid.x[:80], "m"),
        WEATHER.no_rain_dbz,
    )
    fill(tmp_path / "other", [small])
    for time in small.times:
        place = tmp_path / frame_path("radar", time)
        (tmp_path / "other" / frame_path("radar", time)).replace(place)
    parts, discontinuities = surveyed(archive)
    assert [len(segment.summaries) for segment in parts] == [9, 9]
    assert discontinuities[0].text == "the grid changes from 160 x 160 to 80 x 80"
    with pytest.raises(ContractViolation, match="80, 80"):
        archive.frames("radar", WEATHER.times)


def test_an_archive_is_built_from_radar_files_and_once_only(tmp_path: Path):
    write_frames(WEATHER[:4], tmp_path / "a.nc")
    write_frames(WEATHER[3:8], tmp_path / "b.nc")
    store = tmp_path / "store"
    files = [tmp_path / "a.nc", tmp_path / "b.nc"]
    assert list(build(files, Reading(), store, "radar")) == [4, 4]
    assert list(build(files[:1], Reading(), store, "radar")) == [0]
    assert FrameArchive(str(store)).times("radar") == list(WEATHER.times[:8])


def test_each_file_is_opened_once_and_the_step_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened, unpacked = list[str](), readers.unpacked
    monkeypatch.setattr(
        readers, "unpacked", lambda path, scratch: opened.append(path.name) or unpacked(path)
    )
    files = []
    for index in (3, 0, 1, 2):  # the names are in another order than the times
        files.append(tmp_path / f"{len(files)}.nc")
        write_frames(WEATHER[index : index + 1], files[-1])
    assert list(build(files, Reading(), tmp_path / "store", "radar")) == [1, 1, 1, 1]
    assert opened == [file.name for file in files]
    declaration = json.loads((tmp_path / "store" / declaration_path("radar")).read_bytes())
    assert declaration["step_minutes"] == WEATHER.step.total_seconds() / 60


def test_a_file_on_another_grid_is_refused_also_before_the_stream_is_declared(tmp_path: Path):
    write_frames(WEATHER[:1], tmp_path / "a.nc")
    write_frames(Crop(tile=(0, 80, 0, 80)).of_frames(WEATHER[1:2], "a"), tmp_path / "b.nc")
    with pytest.raises(ContractViolation, match="another grid") as refusal:
        list(build([tmp_path / "a.nc", tmp_path / "b.nc"], Reading(), tmp_path / "s", "radar"))
    assert "b.nc" in str(refusal.value)


def test_an_archive_is_built_from_files_of_one_image(tmp_path: Path):
    """As agencies publish them: neither of them says the step of the stream."""
    folder, store = tmp_path / "event", tmp_path / "store"
    folder.mkdir()
    for index in range(4):
        write_frames(WEATHER[index : index + 1], folder / f"{index}.nc")
    app, words = retraining.archive_app, ["build", "--output", str(store), "--stream", "radar"]
    alone = CliRunner().invoke(app, [*words, str(folder / "0.nc")])
    assert isinstance(alone.exception, ContractViolation)
    assert "0.nc alone has no time step" in str(alone.exception)
    for paths in ([folder], sorted(folder.iterdir())):
        result = CliRunner().invoke(app, [*words, "--json", *map(str, paths)])
        assert result.exit_code == 0, result.output
        assert FrameArchive(str(store)).times("radar") == list(WEATHER.times[:4])
    declaration = json.loads((store / declaration_path("radar")).read_text())
    assert declaration["step_minutes"] == 6


def test_a_name_that_is_none_of_a_stream_is_refused(tmp_path: Path):
    with pytest.raises(ContractViolation, match=r"stream's name"):
        add(WEATHER, tmp_path, "../radar", "a.nc")


def test_an_archive_in_an_object_store_is_read_alike(tmp_path: Path):
    local = fill(tmp_path, [WEATHER[:5]])
    store = fsspec.filesystem("memory")
    store.put(str(tmp_path) + "/", "/echocast/", recursive=True)
    try:
        archive = FrameArchive("memory://echocast")
        assert archive.streams() == ["radar"]
        assert archive.times("radar") == local.times("radar")
        again = archive.frames("radar", WEATHER.times[:5])
        assert again.sha256() == local.frames("radar", WEATHER.times[:5]).sha256()
        with pytest.raises(InputError, match="is gone"):
            archive.frame("radar", WEATHER.times[6])
    finally:
        store.rm("/echocast", recursive=True)


def test_the_same_place_has_one_address_however_it_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = ("store", "./store/", f"{tmp_path}/store", f"file://{tmp_path}/store")
    assert {FrameArchive(url).url for url in written} == {f"{tmp_path}/store"}
    assert FrameArchive("memory://store/").url == FrameArchive("memory://store").url


def test_an_address_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="can't be opened"):
        FrameArchive("nonsense://store")


def test_an_archive_without_frames_is_refused(tmp_path: Path):
    archive = FrameArchive(str(tmp_path))
    with pytest.raises(InputError, match="holds no frames"):
        archive.streams()
    with pytest.raises(InputError, match="no frames of a stream"):
        archive.grid("radar")


def segment_of(wet: str) -> Segment:
    """A run whose frames are wet (w) or dry (-)."""
    nothing = (float("nan"),) * 3
    return Segment(
        "radar",
        tuple(
            FrameSummary(BEGIN + k * STEP, (), 0.1 if letter == "w" else 0.0, 5, nothing)
            for k, letter in enumerate(wet)
        ),
    )


def lengths(wet: str, **rules: float) -> list[int]:
    cut_events = events([segment_of(wet)], EventRules(**{"window_frames": 4, **rules}))
    return [len(event.times) for event in cut_events]


def test_a_long_dry_time_lies_between_two_events():
    assert lengths("wwwww" + 20 * "-" + "wwwwww", dry_minutes=60) == [5, 6]
    assert lengths("wwwww" + 5 * "-" + "wwwwww", dry_minutes=60) == [16]


def test_what_is_dry_or_too_short_is_no_event():
    assert lengths(30 * "-") == []
    assert lengths("--www---") == []


def test_long_rain_is_cut_and_no_window_is_shared_by_two_parts():
    assert lengths(30 * "w", longest_minutes=60) == [10, 10]
    cut_events = events([segment_of(30 * "w")], EventRules(longest_minutes=60, window_frames=4))
    assert cut_events[1].times[0] - cut_events[0].times[-1] == 5 * STEP


def test_a_part_of_larger_files_becomes_the_archive(tmp_path: Path):
    write_frames(WEATHER[:4], tmp_path / "a.nc")
    command = ["archive", "build", str(tmp_path / "a.nc"), "--stream", "radar", "--reduce", "4"]
    done = CliRunner().invoke(retraining.app, [*command, "--output", str(tmp_path / "s")])
    assert done.exit_code == 0, done.output
    archive = FrameArchive(str(tmp_path / "s"))
    frames = archive.frames("radar", WEATHER.times[:4])
    assert frames.grid.shape == (40, 40)
    whole = read_frames([tmp_path / "a.nc"], Reading.of_words(reduce=4))
    np.testing.assert_allclose(frames.reflectivity_dbz, whole.reflectivity_dbz, atol=0.0051)
