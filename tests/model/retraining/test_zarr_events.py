"""Events of a Zarr archive become frames of a stream: by rain, by time, whatever is damaged."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from echocast.model.cli import retraining
from echocast.model.cli.progress import progress
from echocast.model.errors import ContractViolation, InputError
from echocast.model.formats.zarr.archive import open_archive
from echocast.model.frames import Frames
from echocast.model.retraining.config import EventRules
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.zarr_events import Built, EventChoice, build_events
from echocast.model.synthetic.storms import storm
from tests.model.formats.zarr.stores import chunk_file, write_zarr
from tests.model.retraining.worlds import BEGIN, STEP, event

FIELD = "equivalent_reflectivity_factor"
SIDE = 64
RULES = EventRules(window_frames=4, dry_minutes=30)
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")


def weather(wet: str) -> Frames:
    """Frames that are wet (w), dry (-), or in which nothing was measured (?)."""
    rain = event(0, frames=len(wet), side=SIDE)
    values = np.array(rain.reflectivity_dbz)
    for k, letter in enumerate(wet):
        values[k] = {"w": 30.0, "-": rain.no_rain_dbz, "?": np.nan}[letter]
    return rain.with_values(values, [BEGIN + k * STEP for k in range(len(wet))])


def built(path: Path, store: Path, **choice: Any) -> Built:
    with open_archive(str(path)) as archive, progress() as bar:
        return build_events(archive, store, "past", EventChoice(**{"rules": RULES, **choice}), bar)


def places(store: Path) -> list[int]:
    """Numbers of the frames that were written."""
    return [round((time - BEGIN) / STEP) for time in FrameArchive(str(store)).times("past")]


def test_what_rains_is_written_and_what_is_dry_for_long_is_not(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", weather("---wwww--wwww--------ww-----wwwww-"))
    result = built(tmp_path / "a.zarr", tmp_path / "store")
    assert places(tmp_path / "store") == [*range(3, 13), *range(28, 33)]
    assert [count for _, _, count in result.events] == [10, 5]
    assert (result.frames, result.measured, result.written) == (34, 34, 15)
    assert result.events[0][:2] == (BEGIN + 3 * STEP, BEGIN + 12 * STEP)


def test_frames_are_those_of_the_archive_and_written_once(tmp_path: Path) -> None:
    rain = storm(207, frames=8, height=SIDE, width=SIDE, start=BEGIN)
    write_zarr(tmp_path / "a.zarr", rain)
    assert built(tmp_path / "a.zarr", tmp_path / "store").written == 8
    assert built(tmp_path / "a.zarr", tmp_path / "store").written == 0
    archive = FrameArchive(str(tmp_path / "store"))
    stored = archive.frames("past", rain.times)
    np.testing.assert_allclose(stored.reflectivity_dbz, rain.reflectivity_dbz, atol=0.0051)
    assert stored.no_rain_dbz == rain.no_rain_dbz
    declared = json.loads((tmp_path / "store" / "streams/past/stream.json").read_text())
    assert declared["step_minutes"] == STEP / timedelta(minutes=1)


def test_the_floor_is_one_for_all_frames(tmp_path: Path) -> None:
    """Of an archive that does not declare it: no frame but the last one is dry anywhere."""
    rain = weather("wwwwwwww")
    values = np.array(rain.reflectivity_dbz)
    values[-1, 0, 0] = -20.0
    words = {"standard_name": FIELD, "units": "dBZ"}
    path = tmp_path / "a.zarr"
    write_zarr(path, rain, values=values, attributes=words)
    built(path, tmp_path / "store")
    archive = FrameArchive(str(tmp_path / "store"))
    floors = {archive.frame("past", time).header.no_rain_dbz for time in rain.times}
    assert floors == {-20.0}


def test_times_are_chosen_and_every_frame_may_be(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", weather("--wwwwwwww--?-"))
    part = {"begin": BEGIN + 4 * STEP, "end": BEGIN + 8 * STEP}
    built(tmp_path / "a.zarr", tmp_path / "part", **part)
    assert places(tmp_path / "part") == [4, 5, 6, 7, 8]
    every = replace_rules(wet_share=0.0)
    result = built(tmp_path / "a.zarr", tmp_path / "all", rules=every)
    assert places(tmp_path / "all") == [*range(12), 13]
    assert result.measured == 13
    with pytest.raises(InputError, match="14 frames from 2026-06-01T00:00:00"):
        built(tmp_path / "a.zarr", tmp_path / "none", begin=BEGIN + timedelta(days=1))


def replace_rules(**changes: float) -> EventRules:
    return EventRules(**{**RULES.model_dump(), **changes})


def test_damaged_and_lost_frames_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_zarr(path, weather("wwwwwwwwww"))
    chunk_file(path, FIELD, 2).write_bytes(b"no chunk")
    chunk_file(path, FIELD, 5).unlink()
    result = built(path, tmp_path / "store")
    assert places(tmp_path / "store") == [0, 1, 3, 4, 6, 7, 8, 9]
    assert list(result.left_out) == [BEGIN + 2 * STEP]
    assert "is damaged" in result.left_out[BEGIN + 2 * STEP]
    assert (result.frames, result.measured) == (10, 8)


def test_a_frame_with_impossible_values_is_left_out_and_named(tmp_path: Path) -> None:
    rain = weather("wwwwwwwwww")
    values = np.array(rain.reflectivity_dbz)
    values[4, 3, 3] = 1e6
    write_zarr(tmp_path / "a.zarr", rain, values=values)
    result = built(tmp_path / "a.zarr", tmp_path / "store")
    assert places(tmp_path / "store") == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert list(result.left_out) == [BEGIN + 4 * STEP]


def test_an_archive_of_which_nothing_can_be_read_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echocast.model.retraining.zarr_events.MOST_FAILURES", 3)
    rain = weather("wwwwww")
    write_zarr(tmp_path / "a.zarr", rain, values=np.full(rain.reflectivity_dbz.shape, 1e6))
    with pytest.raises(ContractViolation):
        built(tmp_path / "a.zarr", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_archive_on_another_grid_than_the_stream_is_refused(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", weather("wwwww"))
    built(tmp_path / "a.zarr", tmp_path / "store")
    small = storm(3, frames=5, height=48, width=48, start=BEGIN)
    write_zarr(tmp_path / "b.zarr", replace(small, times=tuple(t + 9 * STEP for t in small.times)))
    with pytest.raises(ContractViolation, match="another grid"):
        built(tmp_path / "b.zarr", tmp_path / "store", rules=replace_rules(wet_share=0.0))


def command(*words: str | Path) -> Any:
    return CliRunner().invoke(retraining.app, ["archive", "build", *map(str, words)])


def test_the_command_says_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_zarr(path, weather("--" + 24 * "w" + "--"))
    chunk_file(path, FIELD, 5).write_bytes(b"no chunk")
    store = ["--output", tmp_path / "store", "--stream", "past"]
    done = command(path, *store, "--end", "2026-06-01T02:30", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["stream"], report["frames"], report["written"]) == ("past", 26, 23)
    assert "26 frames: something was measured in 25; 1 events with 23 frames" in done.stderr
    assert "Left out 2026-06-01T00:30:00+00:00: A chunk of" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.nc"], "There is no file or folder none.nc"),
        (["a.nc", "s3://b/c.zarr"], "comes alone"),
        (["a.nc", "--begin", "2026-06-01"], "choose from a Zarr archive"),
        (["a.zarr", "--begin", "yesterday"], "not 'yesterday'"),
    ],
)
def test_what_the_command_cannot_do_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.nc").write_bytes(b"")
    write_zarr(tmp_path / "a.zarr", weather("wwwww"))
    done = command(*words, "--output", "store", "--stream", "past")
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", "").split())
