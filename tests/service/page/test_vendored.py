"""Vendored files are those that were written, with the licence of each package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tools import vendor_page


def test_the_vendored_files_are_those_that_were_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vendor_page.main(["--check"]) == 0, capsys.readouterr().out
    for package in vendor_page.PACKAGES:
        assert (package.folder / f"{package.name}.LICENSE").exists()


def test_a_changed_missing_or_additional_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    shutil.copytree(vendor_page.VENDOR, folder)
    with (folder / "map.js").open("a") as file:
        file.write(" ")
    (folder / "uplot.js").unlink()
    (folder / "more.js").write_text("")
    named = [sentence.split(" ")[0] for sentence in vendor_page.differences(folder)]
    assert [Path(name).name for name in named] == ["map.js", "more.js", "uplot.js"]


def test_coasts_and_borders_are_on_a_grid_without_names() -> None:
    world = json.loads((vendor_page.WORLD / "world.json").read_text())
    assert world["objects"].keys() == {"countries", "land"}
    assert world["transform"]["scale"] == [0.01, 0.01]
    assert len(world["objects"]["countries"]["geometries"]) > 200
    assert not any("properties" in one for one in world["objects"]["countries"]["geometries"])
    assert all(len(arc) >= 2 for arc in world["arcs"])


def test_arcs_are_cut_to_the_grid() -> None:
    world = {
        "transform": {"scale": [0.001, 0.001], "translate": [-180, -90]},
        "objects": {"land": {"geometries": []}, "countries": {"geometries": []}},
        "arcs": [[[0, 0], [4, 0], [16, 20]], [[0, 0], [1, 1]]],
    }
    assert vendor_page.cut(world)["arcs"] == [[[0, 0], [2, 2]], [[0, 0], [0, 0]]]
