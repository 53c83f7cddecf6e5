"""Crops in a moving or a fixed frame: where they lie, how they drift, and whom they can teach."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ModelError
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.network.config import RADAR_SMALL
from echocast.model.synthetic.storms import storm
from echocast.model.training.windows import (
    MISSING_COUNT,
    CropConfig,
    WindowInfo,
    WindowStore,
    aligned,
    clean,
    extract_crops,
    from_counts,
    to_counts,
)
from tests.model.training.training_windows import stored

SIZE, INPUTS = 32, 5


def sequence(seed=5, side=128):
    return clean(storm(seed, frames=8, height=side, width=side).reflectivity_dbz)


def crops(frames, crop, seed=2):
    return list(extract_crops(frames, INPUTS, 3, SIZE, np.random.default_rng(seed), crop))


def test_eulerian_crops_lie_where_the_aligned_ones_do_and_frames_stay_as_they_were():
    frames = sequence()
    moving, fixed = (
        [from_counts(c) for c in crops(frames, crop)]
        for crop in (CropConfig(), CropConfig("eulerian"))
    )
    assert len(moving) == len(fixed) > 0
    for there, here in zip(moving, fixed, strict=True):
        assert np.array_equal(there[4], here[4], equal_nan=True)  # the reference time
        assert not np.array_equal(there[0], here[0], equal_nan=True)
        error = [np.nanmean((here[5:8] - base) ** 2) for base in (here[8:], here[4:5])]
        assert error[0] < error[1]  # carried along the motion it says more than the last frame


def corner_of(crop, plane):
    """Where a crop lies in a plane of counts that has it once."""
    rows, columns = (side - SIZE + 1 for side in plane.shape)
    corners = [
        (y, x)
        for y in range(rows)
        for x in range(columns)
        if plane[y, x] == crop[0, 0] and np.array_equal(plane[y : y + SIZE, x : x + SIZE], crop)
    ]
    (only,) = corners
    return np.array(only)


def test_a_drifting_crop_moves_at_one_velocity_through_its_frames():
    grain = np.random.default_rng(1).uniform(0, 20, (128, 128)).astype(np.float32)
    frames = sequence() + grain  # no square like another
    base, drifting = (crops(frames, CropConfig("eulerian", drift)) for drift in (0.0, 2.0))
    counts = to_counts(frames)
    moved = 0.0
    for still, moving in zip(base, drifting, strict=True):
        home = corner_of(still[INPUTS - 1], counts[INPUTS - 1])
        places = [corner_of(moving[t], counts[t]) - home for t in range(len(frames))]
        since = np.arange(len(frames)) - (INPUTS - 1)
        assert (places[INPUTS - 1] == 0).all()
        assert (np.abs(places) <= 2 * np.abs(since)[:, None]).all()
        velocity = np.polyfit(since, places, 1)[0]
        assert np.abs(places - since[:, None] * velocity).max() < 1  # but for whole pixels
        moved = max(moved, np.abs(velocity).max())
    assert moved > 0.5


def test_beyond_the_edges_a_drifting_crop_is_missing():
    (away, *_) = crops(sequence(), CropConfig("eulerian", 1000.0))
    assert (away[INPUTS - 1] != MISSING_COUNT).any()
    assert (away[0] == MISSING_COUNT).all()


def test_a_common_velocity_changes_no_aligned_window_which_is_why_aligned_crops_need_no_drift():
    frames = sequence(seed=3, side=160)
    since = np.arange(len(frames)) - (INPUTS - 1)
    valid = np.stack([np.roll(f, 2 * int(t), 1) for f, t in zip(frames, since, strict=True)])
    inner = (slice(None), slice(48, -48), slice(48, -48))
    as_they_are, moving = (frames, valid), [aligned(each, INPUTS) for each in (frames, valid)]
    unlike = [np.nanmean((a - b)[inner] ** 2) for a, b in (as_they_are, moving)]
    assert unlike[1] < 0.1 * unlike[0]


@pytest.mark.parametrize(
    ("coordinates", "drift", "sentence"),
    [
        ("lagrangian", 1.0, "alignment takes a drift out"),
        ("eulerian", -1.0, "0 or more pixels a step, not -1"),
        ("eulerian", float("nan"), "not nan"),
        ("polar", 0.0, "one of lagrangian, eulerian, not 'polar'"),
    ],
)
def test_a_framing_that_cannot_be_is_refused(coordinates, drift, sentence):
    with pytest.raises(ModelError, match=sentence):
        CropConfig(coordinates, drift)


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_cuts_windows_of_either_kind_that_say_what_they_are(tmp_path):
    frames = storm(2, frames=12, height=112, width=112)
    write_frames(frames, tmp_path / "event.nc")
    cuts = {"event": "one", "stride": 1, "inputs": 6, "outputs": 6, "starts": [0, 1, 1], "count": 1}
    timed = {**cuts, "step_minutes": frames.step.total_seconds() / 60}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"file": "event.nc", "pixel_km": 1.0, "cuts": [timed]}]))
    options = {"usual": [], "fixed": ["--coordinates", "eulerian", "--drift", 1.5]}
    for name, words in options.items():
        done = command(
            "train", "windows", plan, "--data", tmp_path, "--output", tmp_path / name, *words
        )
        assert done.exit_code == 0, done.output
    usual, fixed = (WindowStore.load(tmp_path / name) for name in options)
    assert [store.infos[0].coordinates for store in (usual, fixed)] == ["lagrangian", "eulerian"]
    assert np.array_equal(usual.counts[0, 5], fixed.counts[0, 5])
    assert not np.array_equal(usual.counts[0, 0], fixed.counts[0, 0])


def windows_in(folder, coordinates):
    made = stored(folder)
    output = [WindowInfo(**{**vars(info), "coordinates": coordinates}) for info in made.infos]
    WindowStore.save(folder, [(np.array(c), i) for c, i in zip(made.counts, output, strict=True)])
    return folder


def test_windows_written_before_there_were_coordinates_are_aligned(tmp_path):
    store = stored(tmp_path)
    infos = json.loads((tmp_path / "windows.json").read_text())
    for info in infos:
        del info["coordinates"]
    (tmp_path / "windows.json").write_text(json.dumps(infos))
    assert WindowStore.load(tmp_path).infos == store.infos


@pytest.mark.parametrize(
    ("preset", "coordinates", "says"),
    [
        ("paper", "eulerian", ""),
        ("paper", "lagrangian", "fit to compare networks, not to forecast with"),
        ("radar-small", "lagrangian", ""),
    ],
)
def test_training_says_where_windows_and_network_differ(tmp_path, preset, coordinates, says):
    windows, small = windows_in(tmp_path / "windows", coordinates), tmp_path / "small.json"
    small.write_text('{"network": {"hidden_channels": 4, "layers": 2}}')
    words = ["--preset", preset, "--steps", 1, "--batch", 1, "--config", small]
    done = command("train", "network", windows, "--output", tmp_path / "run", *words)
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    assert says in output
    assert ("aligned" in output) == bool(says)


def test_a_network_that_sees_the_rain_stand_still_is_not_taught_by_windows_where_it_moves(tmp_path):
    windows = windows_in(tmp_path / "windows", "eulerian")
    done = command("train", "network", windows, "--output", tmp_path / "run", "--steps", 1)
    assert isinstance(done.exception, ModelError)
    assert "standing still" in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_windows_tell_what_their_bases_are_and_a_network_wants_its_own(tmp_path):
    folder = tmp_path / "windows"
    assert {info.base for info in stored(folder).infos} == {"aperiodic"}
    infos = json.loads((folder / "windows.json").read_text())
    for info in infos:
        del info["base"]  # as they were written once
    (folder / "windows.json").write_text(json.dumps(infos))
    assert {info.base for info in WindowStore.load(folder).infos} == {"damped"}
    words = ["--steps", 1, "--batch", 1, "--config", tmp_path / "base.json"]
    tiny = {"hidden_channels": 4, "layers": 2}
    for base, taught in (("aperiodic", False), ("damped", True)):
        (tmp_path / "base.json").write_text(json.dumps({"network": {**tiny, "base": base}}))
        done = command("train", "network", folder, "--output", tmp_path / base, *words)
        assert (done.exit_code == 0) == taught
    with pytest.raises(ModelError, match="aperiodic"):
        CropConfig(base="newest")


def test_bases_of_a_crop_are_those_of_the_networks_process():
    frames = sequence()
    now, once = (
        from_counts(crops(frames, CropConfig.of(replace(RADAR_SMALL, base=base)))[0])
        for base in ("aperiodic", "damped")
    )
    inputs = slice(0, len(frames))
    np.testing.assert_array_equal(now[inputs], once[inputs])
    assert np.nanmax(np.abs(now - once)) > 1
    assert CropConfig.of(replace(RADAR_SMALL, base="newest")).base == "aperiodic"
