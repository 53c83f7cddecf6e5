"""What is counted of a forecast by its role, and of a frame; one lead of a forecast's file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import netCDF4
import numpy as np
import pytest

from echocast.model.errors import UnreadableInput
from echocast.model.extrapolation.area_matched import decoded_events
from echocast.model.formats.forecast_lead import ForecastLead, read_lead
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast
from echocast.model.grid import FloatArray
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ
from echocast.model.verification.frame_counts import count
from echocast.model.verification.frame_statistics import EDGES_DBZ, describe
from tests.model.formats.radar_files import forecast_of, small_storm

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def field(seed: int) -> FloatArray:
    """All intensities, thresholds themselves among them; some pixels missing."""
    random = np.random.default_rng(seed)
    values = random.integers(-5, 65, (32, 48)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return values


def test_a_challenger_brings_its_own_reference() -> None:
    """Of the same extrapolation as the model's: in the frames of both they are equal."""
    forecast, moved, still, observed = np.random.default_rng(1).uniform(0, 60, (4, 32, 32))
    lead = ForecastLead(NOON, *(field.astype(np.float32) for field in (forecast, moved, still)))
    alone = count(lead, observed.astype(np.float32), ("challenger",), 30, 1.0)
    served = count(lead, observed.astype(np.float32), ("model",), 30, 1.0)
    assert {name.split("|")[1] for name in alone} == {
        "forecasts",
        "challenger",
        "decoded_beside_challenger",
    }
    for threshold in (20, 30, 40, 50):
        reference = alone[f"30|decoded_beside_challenger|{threshold}"]
        assert reference == served[f"30|decoded_extrapolation|{threshold}"]
        assert alone[f"30|challenger|{threshold}"] == served[f"30|model|{threshold}"] != reference
    assert not [name for name in served if "challenger" in name]


def test_counts_are_those_of_the_pixels_that_all_know() -> None:
    """Counted once more, pixel by pixel."""
    forecast, moved, still, observed = map(field, range(4))
    chance = np.round(np.random.default_rng(4).random((2, 32, 48)), 1).astype(np.float32)
    chance[0, :4] = np.nan
    lead = ForecastLead(NOON, forecast, moved, still, (20.0, 40.0), chance)
    counts = count(lead, observed, ("model",), 30, 1.0)
    valid = np.isfinite(forecast) & np.isfinite(moved) & np.isfinite(still) & np.isfinite(observed)
    assert 0 < valid.sum() < valid.size
    for method, values in (("model", forecast), ("extrapolation", moved), ("persistence", still)):
        for threshold in STREAM_THRESHOLDS_DBZ:
            events = values[valid] >= threshold, observed[valid] >= threshold
            table = ContingencyTable.of_events(*events)
            assert counts[f"30|{method}|{threshold:g}"] == list(table.counts)
    for known, threshold in zip(chance, (20, 40), strict=True):
        there = valid & np.isfinite(known)
        classes = np.minimum((known[there] * 10).astype(int), 9)
        happened = observed[there] >= threshold
        pixels = [np.count_nonzero(classes == k) for k in range(10)]
        exceeded = [np.count_nonzero(happened[classes == k]) for k in range(10)]
        assert counts[f"30|reliability|{threshold}"] == [*pixels, *exceeded]
    assert {name for name in counts if "reliability" in name} == {
        "30|reliability|20",
        "30|reliability|40",
    }


def test_decoded_events_are_the_most_surrounded_pixels_as_many_as_were_extrapolated() -> None:
    moved = field(5)
    known = np.isfinite(moved)
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 2.0)
    rain = cv2.GaussianBlur(np.where(known, np.maximum(moved, 0), np.float32(0)), (0, 0), 2.0)
    blurred = (rain / weight)[known]
    thresholds = (20.0, 50.0, 64.0, 70.0)
    events = decoded_events(moved, thresholds, 5, 0.5)
    assert not events[-1].any()
    for event, threshold in zip(events[:-1], thresholds, strict=False):
        number = np.count_nonzero(moved >= threshold)
        assert number
        assert not event[~known].any()
        np.testing.assert_array_equal(event[known], blurred >= np.sort(blurred)[-number])


def test_a_frame_is_described_by_its_histogram() -> None:
    observed = field(6)
    described = describe(observed)
    known = observed[np.isfinite(observed)]
    edges = [-np.inf, *EDGES_DBZ, np.inf]
    assert described["histogram|dbz"] == np.histogram(known, edges)[0].tolist()
    assert described["pixels|missing"] == [observed.size, observed.size - known.size]
    assert describe(np.full((4, 4), np.nan, np.float32))["pixels|missing"] == [16, 16]


@pytest.mark.parametrize("side", [32, 150])  # the format of large files is another
def test_a_lead_is_what_the_whole_file_says_of_it(side: int, tmp_path: Path) -> None:
    path = tmp_path / "forecast.nc"
    storm = small_storm(height=side, width=side, coverage_radius_km=side / 2.5)
    write_forecast(forecast_of(storm, probabilities=True)[0], path)
    whole = read_forecast(path)
    assert whole.exceedance_probability is not None
    with netCDF4.Dataset(path) as dataset:
        assert dataset.data_model.startswith("NETCDF4" if side > 128 else "NETCDF3")
    thresholds = whole.exceedance_thresholds_dbz[1::2]
    for number, time in enumerate(whole.frames.times):
        lead = read_lead(path, time, thresholds)
        assert lead is not None
        for values, frames in (
            (lead.reflectivity_dbz, whole.frames),
            (lead.extrapolation_dbz, whole.extrapolation),
            (lead.persistence_dbz, whole.persistence),
        ):
            np.testing.assert_array_equal(values, frames.reflectivity_dbz[number])
        assert lead.thresholds_dbz == thresholds
        np.testing.assert_array_equal(
            lead.exceedance_probability, whole.exceedance_probability[1::2, number]
        )
    assert read_lead(path, whole.frames.times[-1] + timedelta(minutes=5), thresholds) is None
    bare = read_lead(path, whole.frames.times[0], ())
    assert bare is not None
    assert bare.exceedance_probability is None


def test_what_is_no_forecast_has_no_leads(tmp_path: Path) -> None:
    (tmp_path / "none.nc").write_bytes(b"rain")
    with netCDF4.Dataset(tmp_path / "other.nc", "w") as dataset:
        dataset.createDimension("time", 1)
        dataset.createVariable("time", "f8", ("time",))[:] = NOON.timestamp()
    for name in ("none.nc", "other.nc"):
        with pytest.raises(UnreadableInput):
            read_lead(tmp_path / name, NOON, ())
