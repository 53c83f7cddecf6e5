"""Observations lie where the forecast lies: to one pixel, and by the same projection."""

import json
from dataclasses import replace

import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.forecast_writer import write_frames
from echocast.service.decoding.operations import decode_observations
from echocast.workers.archive.frames_file import FRAMES_FILE, description_of
from tests.model.formats.radar_files import small_storm

FRAMES = small_storm(frames=12)


def observe(tmp_path, grid):
    description = tmp_path / "inputs.json"
    description.write_text(json.dumps(FRAMES[:10].description()))
    write_frames(replace(FRAMES[10:], grid=grid), tmp_path / "observed.nc")
    request = {
        "kind": "files",
        "paths": [str(tmp_path / "observed.nc")],
        "reading": {},
        "directory": str(tmp_path),
        "description": str(description),
        "leads": 10,
    }
    decode_observations(request)
    return tmp_path / "observations" / FRAMES_FILE


def test_observations_half_a_pixel_beside_are_put_on_the_grid(tmp_path):
    grid = FRAMES.grid
    stored = observe(tmp_path, replace(grid, x=grid.x + 500))
    described = json.loads(description_of(stored).read_text())
    assert described["grid"]["x"] == grid.x.tolist()
    assert "one pixel" in described["notes"]["place"]


def test_observations_by_another_meridian_are_refused(tmp_path):
    crs = {**FRAMES.grid.crs, "longitude_of_projection_origin": 9.0}
    with pytest.raises(ContractViolation, match="on the grid of the forecast, but their projec"):
        observe(tmp_path, replace(FRAMES.grid, crs=crs))
