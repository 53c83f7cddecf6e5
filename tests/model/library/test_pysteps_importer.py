"""Echocast's readers as an importer of pysteps."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.frames import Frames
from echocast.model.library.pysteps.importer import import_echocast
from echocast.model.synthetic.storms import storm

ROOT = Path(__file__).parents[3]
GROUP = "pysteps.plugins.importer"


@pytest.fixture
def image(tmp_path):
    frames = storm(2, frames=1, height=40, width=48, pixel_km=2, coverage_radius_km=38)
    write_frames(frames, tmp_path / "image.nc")
    return tmp_path / "image.nc", frames


def test_an_image_is_that_of_the_file_with_its_place(image):
    path, frames = image
    precip, quality, metadata = import_echocast(path, accutime=5)
    assert quality is None
    assert (metadata["accutime"], metadata["unit"], metadata["transform"]) == (5, "dBZ", "dB")
    np.testing.assert_allclose(precip, frames.reflectivity_dbz[0], atol=0.006)
    assert np.isnan(precip).any()
    assert metadata["zerovalue"] < metadata["threshold"] == precip[precip > -32].min()
    assert metadata["yorigin"] == ("upper" if frames.grid.y[0] > frames.grid.y[-1] else "lower")
    assert (metadata["x2"] - metadata["x1"], metadata["y2"] - metadata["y1"]) == (96e3, 80e3)
    assert (metadata["xpixelsize"], metadata["ypixelsize"]) == (2000, 2000)
    assert metadata["x1"] == frames.grid.x.min() * {"m": 1, "km": 1000}[frames.grid.units] - 1000
    assert "+proj=laea" in metadata["projection"]


def test_options_of_reading_are_passed_on(image):
    assert import_echocast(image[0], reduce=2)[0].shape == (20, 24)
    assert np.isnan(import_echocast(image[0])[2]["accutime"])


def test_what_pysteps_cannot_hold_is_refused(tmp_path):
    write_frames(storm(2, frames=2, height=32, width=32), tmp_path / "two.nc")
    with pytest.raises(ContractViolation, match="there are 2"):
        import_echocast(tmp_path / "two.nc")
    bare = Frames.of_array(np.full((1, 32, 32), 20, np.float32), step_minutes=5, km_per_pixel=1)
    write_frames(bare, tmp_path / "bare.nc")
    with pytest.raises(ContractViolation, match="needs a projection"):
        import_echocast(tmp_path / "bare.nc")


def entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"][GROUP].items()
    return EntryPoint(name, value, GROUP)


def test_the_entry_point_is_the_importer():
    assert entry_point().load() is import_echocast
