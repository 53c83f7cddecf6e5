"""The comparison of the family runs from windows to its page, and goes on where it stopped."""

import json

import pytest

from experiments import family
from tests.experiments.windows import stored


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("windows"))


def compare(windows, work, seeds=("1",), protocols=("radar", "digits")):
    options = {
        "train": [windows / "train"],
        "judge": [windows / "judge"],
        "work": [work],
        "output": [work / "page"],
        "families": ["mim", "control"],
        "seeds": seeds,
        "protocols": protocols,
        "width": [4],
        "steps": [1],
        "batch": [1],
        "windows": [2, 2],
    }
    family.main(
        [word for name, words in options.items() for word in (f"--{name}", *map(str, words))]
    )
    return json.loads((work / "page" / "family.json").read_text())


def test_members_are_compared_and_finished_runs_kept(windows, tmp_path):
    made = compare(windows, tmp_path)
    radar, digits = made["radar"], made["digits"]
    assert radar["windows"]["train"] == radar["windows"]["judge"] > 0  # the short one is left out
    assert set(radar["runs"]) == {"mim", "control"}
    assert set(digits["runs"]) == {"mim"}  # the control lives on extrapolation
    assert {"extrapolation", "decoded extrapolation"} <= set(radar["references"])
    page = (tmp_path / "page" / "family.md").read_text()
    assert page.count("| control |") == 5  # seven figures and five events, three a table
    before = (tmp_path / "radar-mim-1" / "run.safetensors").stat().st_mtime_ns
    again = compare(windows, tmp_path, seeds=(1, 2), protocols=["radar"])
    assert (tmp_path / "radar-mim-1" / "run.safetensors").stat().st_mtime_ns == before
    assert again["radar"]["runs"]["mim"]["1"] == radar["runs"]["mim"]["1"]
    assert set(again["radar"]["runs"]["mim"]) == {"1", "2"}


def test_an_untrained_member_scores_as_the_base_it_stands_on(windows, tmp_path):
    store = family.radar_store(tmp_path / "judge", windows / "judge")
    network = family.Network(family.network_of("radar", "mim", 4)).eval()
    scores = family.judged(network, store)
    base = family.references("radar", store)["damped extrapolation"]
    assert scores["mse"] == pytest.approx(base["mse"], rel=1e-6)
    assert scores["csi"]["30"] == base["csi"]["30"]
