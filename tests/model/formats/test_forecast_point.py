"""A forecast at one pixel equals the whole forecast there, and costs the chunks of the pixel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.cf_layout import open_fields
from echocast.model.formats.forecast_point import read_point
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.reflectivity import ZR

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
IO = Path("/proc/self/io")


def written(path: Path, side: int, *, has_expected: bool = False) -> Path:
    """Two lead times of noise, which cannot be compressed, with probabilities."""
    draw = np.random.default_rng(1)
    values = draw.uniform(0, 50, (2, side, side)).astype(np.float32)
    values[:, :4] = np.nan
    times = [START + lead * timedelta(minutes=5) for lead in (1, 2)]
    frames = Frames(
        values, times, Grid.of_squares(side, side, 1), attributes={"zr_a": "316", "zr_b": "1.5"}
    )
    chances = draw.uniform(0, 1, (2, *values.shape)).astype(np.float32)
    forecast = Forecast(
        frames,
        frames.derived(values[::-1].copy(), times),
        frames,
        START,
        ModelIdentity("a", "1", ""),
        "",
        exceedance_thresholds_dbz=(20.0, 30.0),
        exceedance_probability=chances,
        quality={"note": "a note"},
        expected=frames.derived(values / 2, times) if has_expected else None,
    )
    write_forecast(forecast, path)
    return path


def bytes_read() -> int:
    """How many bytes this process has read until now."""
    return int(IO.read_text().split("rchar: ")[1].split()[0])


@pytest.mark.parametrize("side", [32, 300])
@pytest.mark.parametrize("pixel", [(0, 0), (17, 5), (31, 31)])
def test_it_is_the_whole_forecast_at_that_pixel(
    tmp_path: Path, side: int, pixel: tuple[int, int]
) -> None:
    """Also of a small grid, whose file is of the classic format."""
    path = written(tmp_path / "forecast.nc", side)
    whole, point = read_forecast(path), read_point(path, *pixel)
    values = whole.frames.reflectivity_dbz[:, *pixel]
    assert point.valid_times == whole.frames.times
    assert np.array_equal(point.reflectivity_dbz, values, equal_nan=True)
    beside = whole.extrapolation.reflectivity_dbz[:, *pixel]
    assert np.array_equal(point.extrapolation_dbz, beside, equal_nan=True)
    assert point.relation == ZR.of_attributes(whole.frames.attributes)
    rates = point.relation.rain_rate_mm_h(values, no_rain_dbz=whole.frames.no_rain_dbz)
    assert np.array_equal(point.rain_rate_mm_h, rates, equal_nan=True)
    assert list(point.exceedance_probability) == list(whole.exceedance_thresholds_dbz)
    assert whole.exceedance_probability is not None
    for index, chances in enumerate(point.exceedance_probability.values()):
        expected = whole.exceedance_probability[index, :, *pixel]
        assert np.array_equal(chances, expected, equal_nan=True)
    assert (point.quality, point.not_stored) == ({"note": "a note"}, [])


@pytest.mark.parametrize("side", [32, 300])
def test_the_expected_product_stands_beside_the_default_one(tmp_path: Path, side: int) -> None:
    path = written(tmp_path / "forecast.nc", side, has_expected=True)
    whole, point = read_forecast(path), read_point(path, 17, 5)
    assert whole.expected is not None
    assert point.expected_dbz is not None
    assert np.array_equal(point.expected_dbz, whole.expected.reflectivity_dbz[:, 17, 5])
    floor = whole.frames.no_rain_dbz
    rates = point.relation.rain_rate_mm_h(point.expected_dbz, no_rain_dbz=floor)
    assert point.expected_rain_rate_mm_h is not None
    assert np.array_equal(point.expected_rain_rate_mm_h, rates)
    assert not np.array_equal(point.expected_dbz, point.reflectivity_dbz)


def test_where_the_default_product_is_the_expected_one_there_is_nothing_beside_it(
    tmp_path: Path,
) -> None:
    point = read_point(written(tmp_path / "forecast.nc", 32), 17, 5)
    assert (point.expected_dbz, point.expected_rain_rate_mm_h) == (None, None)


@pytest.mark.skipif(not IO.exists(), reason="bytes are counted by Linux alone")
def test_it_reads_the_chunks_of_the_pixel(tmp_path: Path) -> None:
    path = written(tmp_path / "forecast.nc", 1100)
    with open_fields(path) as fields:  # nine chunks a field
        assert fields["reflectivity"].chunks == (1, 367, 367)
    read_point(path, 5, 7)
    before = bytes_read()
    read_point(path, 900, 50)
    read = bytes_read() - before
    assert read < path.stat().st_size / 8
