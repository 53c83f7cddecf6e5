"""Ablations change what they say and no more, run from windows to their page, and are kept."""

import json
from argparse import Namespace

import pytest

from echocast.model.formats.forecast_writer import write_frames
from echocast.model.synthetic.storms import storm
from experiments import ablations
from tests.experiments.windows import stored


def test_runs_stand_on_the_page_and_what_is_finished_is_kept(tmp_path):
    windows = stored(tmp_path / "windows")
    names = ["as shipped", "paper preset"]
    options = {
        "train": [windows / "train"],
        "judge": [windows / "judge"],
        "work": [tmp_path],
        "output": [tmp_path / "page"],
        "names": names,
        "seeds": [1],
        "width": [4],
        "steps": [1],
        "batch": [1],
    }
    words = [word for name, values in options.items() for word in (f"--{name}", *map(str, values))]
    ablations.main(words)
    run = tmp_path / "moving-paper-preset-1" / "run.safetensors"
    before = run.stat().st_mtime_ns
    ablations.main(words)
    assert run.stat().st_mtime_ns == before
    runs = json.loads((tmp_path / "page" / "ablations.json").read_text())["moving"]["runs"]
    assert list(runs) == names
    assert "csi_decided" in runs["as shipped"]["1"]
    assert "csi_decided" not in runs["paper preset"]["1"]
    assert (tmp_path / "page" / "ablations.md").read_text().count("| paper preset |") == 5


@pytest.mark.parametrize("name", [n for n in ablations.ABLATIONS if n != ablations.REFERENCE])
def test_an_ablation_changes_what_it_says_and_no_more(name):
    options = Namespace(width=4, steps=1, batch=1, rate=5e-3)
    usual, other = (
        ablations.training_of(which, 2, options).to_json() for which in (ablations.REFERENCE, name)
    )
    network, training = ablations.ABLATIONS[name]
    within = usual.pop("network"), other.pop("network")
    assert {key for key in usual if usual[key] != other[key]} == set(training)
    assert {key for key in within[0] if within[0][key] != within[1][key]} == set(network)


def test_the_fixed_frame_is_cut_from_radar_files_and_has_references_of_its_own(tmp_path):
    frames = storm(2, frames=24, height=128, width=128)
    write_frames(frames, tmp_path / "event.nc")
    step = frames.step.total_seconds() / 60
    cuts = [
        {"event": "long", "inputs": 10, "outputs": 10, "starts": [0, 4, 3], "count": 2},
        {"event": "short", "inputs": 6, "outputs": 6, "starts": [0, 1, 1], "count": 2},
    ]
    timed = [{**cut, "step_minutes": step, "stride": 1} for cut in cuts]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"file": "event.nc", "pixel_km": 1.0, "cuts": timed}]))
    store = ablations.fixed_store(tmp_path / "fixed", plan, tmp_path)
    assert {info.event for info in store.infos} == {"long"}
    assert store.counts.shape == (4, 30, 64, 64)
    written = (tmp_path / "fixed" / "windows.npy").stat().st_mtime_ns
    ablations.fixed_store(tmp_path / "fixed", plan, tmp_path)
    assert (tmp_path / "fixed" / "windows.npy").stat().st_mtime_ns == written
    scores = ablations.fixed_references(store)
    assert scores["damped extrapolation"]["mse"] < scores["last frame"]["mse"]
