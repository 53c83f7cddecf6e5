"""The examples of docs/python.md, run as they stand; peers where ``make peers`` put them."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import dask
import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

import echocast
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.reflectivity import ZR
from echocast.model.synthetic.storms import storm
from tests.model.library.peers import ROOT, peer, run_beside_peers
from tests.model.library.storm_files import REFERENCE, event_files

PAGE = (ROOT / "docs" / "python.md").read_text()
ENTRY_POINTS = f"""
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from pysteps.io import interface

project = tomllib.loads(Path({str(ROOT / "pyproject.toml")!r}).read_text())["project"]

def declared(group):
    points = project["entry-points"].get(group, {{}})
    return [EntryPoint(name, value, group) for name, value in points.items()]

interface.entry_points = declared
interface.discover_importers()
import pysteps
"""
BLENDED = """
assert blended.shape == (1, steps, 64, 64), blended.shape
assert np.isfinite(blended).all() and blended.max() > 5, blended.max()
near, late = (blended[0, k] > 0 for k in (0, -1))
def agreement(one, other):
    known = np.isfinite(other)
    return np.corrcoef(one[known], other[known])[0, 1]
assert agreement(blended[0, 0], external[0, 1]) > agreement(blended[0, -1], external[0, -1])
assert agreement(blended[0, -1], model[-1]) > 0.7, agreement(blended[0, -1], model[-1])
print("blended")
"""


def example(start: str) -> str:
    """The block of the page that begins so."""
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", PAGE, re.S) if b.startswith(start))
    return block


def changed(code: str, **changes: str) -> str:
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    return code


@pytest.fixture
def storm_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    event_files(tmp_path)
    return tmp_path


@pytest.fixture
def five_lines() -> str:
    code = example("import echocast\n\nradar")
    return changed(code, **{"2026-07-01T12:00": REFERENCE, "*.h5": "*.nc"})


@pytest.mark.usefixtures("storm_here")
def test_the_five_lines_run_also_on_dask(five_lines: str) -> None:
    names: dict[str, Any] = {}
    exec(five_lines, names)
    names["radar"].to_netcdf("whole.nc")
    with xr.open_dataset("whole.nc", chunks={"time": 1}, decode_coords="all") as opened:
        assert opened.reflectivity.chunks
        lazy: dict[str, Any] = {"opened": opened}
        opening = {'echocast.read("event/*.nc")': "opened.reflectivity"}
        with dask.config.set(scheduler="synchronous"):  # no threads stay behind
            exec(changed(five_lines, **opening), lazy)
        assert opened.reflectivity.chunks
    xr.testing.assert_allclose(lazy["forecast"], names["forecast"])


def test_counts_add_and_scores_runs_on_them(forecast: xr.Dataset, radar: xr.DataArray) -> None:
    verification = echocast.verify(forecast, radar, thresholds=(10, 20))
    names = {"verification": verification, "another": verification, "echocast": echocast}
    exec(changed(example("both ="), **{"threshold=30": "threshold=10"}), names)
    np.testing.assert_array_equal(names["both"].hits, 2 * verification.hits)
    wet = {'"model", threshold=30': '"persistence", threshold=10'}  # the network is a tiny one
    exec(changed(example("from scores"), **wet), names)
    ours = echocast.scores(names["table"]).csi
    assert 0 < ours == pytest.approx(float(names["manager"].critical_success_index()))


def test_plain_arrays() -> None:
    frames = np.nan_to_num(storm(3, frames=10, height=64, width=64).reflectivity_dbz).clip(0)
    names: dict[str, Any] = {"echocast": echocast, "frames_dbz": frames}
    exec(example("forecast_dbz ="), names)
    assert names["forecast_dbz"].shape == (10, 64, 64)
    exec(example("model = echocast.mlcast"), names | {"past_mm_h": frames / 10})


def test_datasets_of_pysteps(radar: xr.DataArray) -> None:
    names: dict[str, Any] = {"echocast": echocast, "radar": radar}
    exec(example("dataset ="), names)
    np.testing.assert_allclose(names["same_radar"], radar.sortby(["y", "x"]))


def test_pysteps_finds_the_importer(tmp_path: Path) -> None:
    peer("pysteps")
    frames = storm(2, frames=1, height=40, width=48, pixel_km=2)
    write_frames(frames, tmp_path / "image.nc")
    code = ENTRY_POINTS + changed(example("importer ="), **{"image.h5": "image.nc"})
    printed = run_beside_peers(code + "\nprint(precip.shape, metadata['unit'])", tmp_path)
    assert printed.splitlines()[-1] == "(40, 48) dBZ"


def test_the_nowcast_is_declared_for_plugins() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    ((name, value),) = points["pysteps.plugins.nowcasts"].items()
    point = EntryPoint(name, value, "pysteps.plugins.nowcasts")
    assert point.load() is echocast.pysteps.forecast


def test_pysteps_blends_it_with_a_weather_model(tmp_path: Path) -> None:
    peer("pysteps")
    whole = storm(3, frames=40, height=64, width=64, step_minutes=5)
    (tmp_path / "event").mkdir()
    write_frames(whole[:10], tmp_path / "event" / "event.nc")
    rate = ZR().rain_rate_mm_h(whole.reflectivity_dbz[9:34], no_rain_dbz=-32)
    np.save(tmp_path / "nwp.npy", np.nan_to_num(rate))
    code = changed(example("import numpy as np\nimport pysteps"), **{"= 6, 5, 10": "= 2, 5, 10"})
    before = "import numpy as np\nnwp_mm_h = np.load('nwp.npy')\n"
    assert "blended" in run_beside_peers(before + code + BLENDED, tmp_path).splitlines()
