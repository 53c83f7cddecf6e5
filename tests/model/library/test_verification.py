"""``echocast.verify``, ``scores`` and ``rain_amount`` of a forecast as xarray."""

import math

import numpy as np
import pytest
import xarray as xr
from scores.categorical import BasicContingencyManager

from echocast import nowcast, rain_amount, scores, verify
from echocast.model.errors import ContractViolation
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.library.forecast_file import scored_file
from echocast.model.rain_amounts import expected_amounts
from echocast.model.reflectivity import ZR
from echocast.model.verification.contingency import ContingencyTable

COUNTS = ["hits", "misses", "false_alarms", "correct_negatives"]
REFERENCE = "2026-07-01T13:00:00"


@pytest.fixture(scope="module")
def verification(forecast, radar):
    return verify(forecast, radar, thresholds=(10, 20, 30))


def test_counts_of_parts_add_to_those_of_the_whole(forecast, radar, verification):
    early = verify(forecast, radar.isel(time=slice(18)), thresholds=(10, 20, 30))
    late = verify(forecast, radar.isel(time=slice(18, None)), thresholds=(10, 20, 30))
    xr.testing.assert_equal(scores(early + late), verification)
    assert early.frames.values.tolist() == [1] * 5 + [0] * 5
    assert np.isnan(early.csi[:, :, 5:]).all()


def test_lead_times_may_be_left_out(forecast, radar, verification):
    some = verify(forecast.isel(time=[2, 7]), radar, thresholds=(10, 20, 30))
    xr.testing.assert_equal(some, verification.isel(lead_minutes=[2, 7]))


def test_scores_are_those_of_the_tables(verification):
    assert verification.hits.sum() > 0
    for m, t, lead in np.ndindex(verification.hits.shape):
        cell = verification.isel(forecast_method=m, threshold=t, lead_minutes=lead)
        table = ContingencyTable(*(int(cell[name]) for name in COUNTS)).scores()
        for name in ("csi", "pod", "far", "bias"):
            expected = math.nan if table[name] is None else table[name]
            np.testing.assert_equal(float(cell[name]), expected)


def test_the_scores_package_runs_on_the_counts(verification):
    names = {"tp_count": "hits", "fn_count": "misses", "fp_count": "false_alarms"}
    names |= {"tn_count": "correct_negatives"}
    counts = {theirs: verification[ours] for theirs, ours in names.items()}
    counts["total_count"] = sum(counts.values())
    theirs = BasicContingencyManager(counts)
    for ours, name in (
        ("csi", "critical_success_index"),
        ("pod", "probability_of_detection"),
        ("far", "false_alarm_ratio"),
        ("bias", "frequency_bias"),
    ):
        score = getattr(theirs, name)()
        xr.testing.assert_allclose(score.where(np.isfinite(score)), verification[ours])


def test_pooled_scores_come_from_pooled_counts(verification):
    pooled = scores(verification.sum("lead_minutes"))
    union = pooled.hits + pooled.misses + pooled.false_alarms
    xr.testing.assert_allclose(pooled.csi, pooled.hits / union)


def test_a_persistence_that_is_observed_is_perfect(radar, tiny):
    newest = radar.sel(time=REFERENCE)
    forecast = nowcast(radar.sel(time=slice(None, REFERENCE)), nowcaster=tiny)
    still = xr.concat([newest.assign_coords(time=t) for t in forecast.time.values], "time")
    counted = verify(forecast, still.assign_attrs(radar.attrs), thresholds=(10,))
    alone = counted.sel(forecast_method="persistence")
    assert int(alone.misses.sum()) == int(alone.false_alarms.sum()) == 0 < int(alone.hits.sum())


def test_an_altered_forecast_is_scored_as_altered(forecast, radar):
    empty = forecast.assign(reflectivity=forecast.reflectivity * 0 - 32)
    empty.reflectivity.attrs = forecast.reflectivity.attrs
    counted = verify(empty, radar, thresholds=(10,)).sel(forecast_method="model")
    assert int(counted.hits.sum()) == int(counted.false_alarms.sum()) == 0
    assert int(counted.misses.sum()) > 0


def test_observations_on_another_grid_are_refused(forecast, radar):
    with pytest.raises(ContractViolation, match="grid"):
        verify(forecast, radar.isel(x=slice(1, None)))


def test_what_is_no_forecast_is_refused(radar):
    for call in (lambda: verify(radar.to_dataset(), radar), lambda: rain_amount(radar)):
        with pytest.raises(ContractViolation, match=r"as echocast\.nowcast gives it"):
            call()
    with pytest.raises(ContractViolation, match="misses"):
        scores(xr.Dataset({"hits": 1}))


def test_rain_of_the_steps_adds_to_the_rain_of_the_forecast(forecast, tmp_path):
    amounts = rain_amount(forecast)
    assert (amounts.dims, amounts.units) == (("time", "y", "x"), "mm")
    path = tmp_path / "whole.nc"
    forecast.to_netcdf(path)
    read = read_forecast(path)
    expected = (read.expected or read.frames).reflectivity_dbz
    thresholds, zr = read.exceedance_thresholds_dbz, ZR.of_attributes(read.frames.attributes)
    of_steps = expected_amounts(
        expected, read.exceedance_probability, thresholds, read.lead_minutes, zr
    )
    whole = np.sum(list(of_steps), axis=0)
    np.testing.assert_allclose(amounts.sum("time", skipna=False), whole, rtol=1e-4, atol=1e-4)
    assert amounts.max() > 0


def test_rain_without_the_first_lead_times_is_refused(forecast):
    with pytest.raises(ContractViolation, match="from the first one on"):
        rain_amount(forecast.isel(time=slice(3, None)))
    with pytest.raises(ContractViolation, match="exceedance_probability"):
        rain_amount(forecast.drop_vars("exceedance_probability"))


def test_the_scored_file_holds_what_the_forecast_holds(forecast):
    with scored_file(forecast) as path:
        values = read_forecast(path).frames.reflectivity_dbz
    np.testing.assert_array_equal(values, forecast.reflectivity.values.astype(np.float32))
