"""``echocast check``: the report of files is what their reader reads."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames
from tests.model.formats.foreign_files import geotiff
from tests.model.formats.radar_files import odim_file, raw_netcdf, small_storm

RAW = np.where(np.arange(480).reshape(24, 20) % 3, 120, 0).astype(np.uint8)


def report(*arguments: str | Path) -> dict:
    result = CliRunner().invoke(app, ["check", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_report_says_what_was_read(tmp_path: Path) -> None:
    frames = small_storm(12, coverage_radius_km=11)
    write_frames(frames, tmp_path / "storm.nc")
    read = read_frames([tmp_path / "storm.nc"])
    given = report(tmp_path / "storm.nc")
    assert given["files"] == [
        {
            "name": "storm.nc",
            "kind": "CF NetCDF",
            "variable": "reflectivity",
            "units": "dBZ",
            "times": 12,
        }
    ]
    assert given["times"]["first"] == read.times[0].isoformat()
    assert given["times"]["step_minutes"] == read.step.total_seconds() / 60
    assert (given["grid"]["rows"], given["grid"]["columns"]) == read.grid.shape
    assert given["shares"]["missing"] == pytest.approx(read.missing.mean(), abs=1e-4)
    assert sum(given["shares"].values()) == pytest.approx(1, abs=2e-4)
    strongest = np.nanmax(read.reflectivity_dbz, axis=(1, 2))
    np.testing.assert_allclose(given["strongest_dbz"], strongest, atol=0.006)
    assert given["nowcast"]["accepted"] is True


def test_too_few_frames_are_no_nowcast_and_notes_are_those_of_quality(tmp_path: Path) -> None:
    path = odim_file(tmp_path / "amounts.h5", RAW, quantity="ACRR", gain=0.01, offset=0.0)
    assert CliRunner().invoke(app, ["check", str(path)]).exit_code != 0  # over what interval?
    path = raw_netcdf(tmp_path / "amounts.nc", np.full((2, 20, 20), 0.5), units="mm/5min")
    given = report(path)
    assert given["nowcast"]["accepted"] is False
    assert given["nowcast"]["rule"] == "frame-count"
    assert given["quality"] == dict(read_frames([path]).notes) != {}
    assert given["files"][0]["units"] == "mm/5min"


def test_people_get_words_and_a_picture(tmp_path: Path) -> None:
    path = odim_file(tmp_path / "one.h5", RAW)
    picture = tmp_path / "one.png"
    result = CliRunner().invoke(app, ["check", str(path), "--png", str(picture)])
    assert result.exit_code == 0
    for words in ("ODIM_H5 composite, DBZH", "24 x 20 pixels of", "33.3% dry", "nowcast: refused"):
        assert words in result.stdout
    with Image.open(picture) as image:
        colours = len(image.convert("RGB").getcolors(1_000_000))
    assert colours > 50


def test_a_file_that_is_refused_says_why(tmp_path: Path) -> None:
    path = raw_netcdf(tmp_path / "bare.nc", np.zeros((2, 20, 20)), units=None)
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code != 0
    assert "must declare its units" in str(result.exception)


def test_a_folder_is_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for minute in (0, 5):
        tags = {"OBSERVATION TIME": ""}
        geotiff(folder, f"20260701_12{minute:02}.tif", tags=tags)
    assert report(folder) == report(*sorted(folder.iterdir()))
