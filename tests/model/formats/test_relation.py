"""The Z-R relation of rain: as numbers, in words, or the default, which is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echocast.model.formats.readers import read_frames
from tests.model.formats.radar_files import odim_file, raw_netcdf

RATES = np.full((2, 20, 20), 10.0)


def dbz(a: float, b: float) -> float:
    return 10 * np.log10(a * 10.0**b)


@pytest.mark.parametrize(
    ("attributes", "a", "b", "words"),
    [
        ({}, 200, 1.6, "No Z-R relation is stated; Z = 200 R^1.6"),
        ({"zr_a": 316.0, "zr_b": 1.5}, 316, 1.5, None),
        ({"comment": "Z=316R^1.5"}, 316, 1.5, "read from the attribute 'comment'"),
        ({"history": "converted by Z = 250*R**1.2."}, 250, 1.2, "attribute 'history'"),
        ({"zr": "z = 223 R^(1.53)"}, 223, 1.53, "attribute 'zr'"),
        ({"comment": "Z=316R^1.5", "zr_a": 200.0, "zr_b": 1.6}, 200, 1.6, None),
        ({"comment": "size = 3 R"}, 200, 1.6, "No Z-R relation"),
    ],
)
def test_the_relation_is_read_and_named(
    attributes: dict[str, Any], a: float, b: float, words: str | None, tmp_path: Path
) -> None:
    path = raw_netcdf(tmp_path / "rates.nc", RATES, units="mm/h", **attributes)
    frames = read_frames([path])
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(a, b), atol=1e-3)
    assert (words or "") in frames.notes.get("zr", "")
    assert ("zr" in frames.notes) == (words is not None)
    stated = float(frames.attributes.get("zr_a", 200))
    assert stated == a  # the way back, to rates, is the same


def test_odim_rates_without_a_relation_say_so_and_reflectivity_does_not(tmp_path: Path) -> None:
    raw = np.full((24, 20), 100, np.uint8)
    rate = read_frames([odim_file(tmp_path / "rate.h5", raw, quantity="RATE", gain=0.1, offset=0)])
    assert "Z = 200 R^1.6" in rate.notes["zr"]
    assert "zr" not in read_frames([odim_file(tmp_path / "dbz.h5", raw)]).notes
