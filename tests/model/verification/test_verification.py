import json
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import scores.categorical
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.grid_difference import grid_difference
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.forecast_scores import Verification, verify
from tests.model.formats.radar_files import forecast_of, small_storm

SCORES = {
    "critical_success_index": "critical_success_index",
    "probability_of_detection": "probability_of_detection",
    "false_alarm_ratio": "false_alarm_ratio",
    "frequency_bias": "frequency_bias",
    "equitable_threat_score": "equitable_threat_score",
}


def still(values: np.ndarray, leads: int = 3) -> tuple[Forecast, Frames]:
    """A forecast of something that does not change, and its observations."""
    times = small_storm(frames=leads).times
    frames = Frames(np.repeat(values[None], leads, 0), times, Grid.of_pixels(*values.shape), -32.0)
    model = ModelIdentity("m", "1", "0")
    reference = times[0] - (times[1] - times[0])
    return Forecast(frames, frames, frames, reference, model, "0"), frames


def test_the_textbook_example():
    # Finley's tornado forecasts of 1884, in every book on verification.
    finley = ContingencyTable(hits=28, misses=23, false_alarms=72, correct_negatives=2680)
    assert finley.critical_success_index == pytest.approx(0.228, abs=5e-4)
    assert finley.probability_of_detection == pytest.approx(0.549, abs=5e-4)
    assert finley.false_alarm_ratio == pytest.approx(0.72)
    assert finley.frequency_bias == pytest.approx(1.96, abs=5e-3)
    assert finley.equitable_threat_score == pytest.approx(0.216, abs=5e-4)


def test_events_are_closed_below():
    table = ContingencyTable.of_events(np.array([30.0]) >= 30, np.array([30.0]) >= 30)
    assert table == ContingencyTable(hits=1)


@pytest.mark.parametrize("name", SCORES)
def test_undefined_scores_are_nan(name):
    assert math.isnan(getattr(ContingencyTable(), name))
    assert math.isnan(getattr(ContingencyTable(correct_negatives=9), name))


def test_persistence_of_a_still_storm_is_perfect():
    storm = small_storm().reflectivity_dbz[0]
    forecast, observed = still(storm)
    assert verify(forecast, observed).counts.table("persistence", 30.0).critical_success_index == 1


def test_a_storm_shifted_by_its_own_width_scores_nothing():
    square = np.full((20, 20), -32.0, np.float32)
    square[5:10, 5:10] = 45
    forecast, observed = still(square)
    shifted = observed.with_values(np.roll(observed.reflectivity_dbz, 5, axis=2), observed.times)
    table = verify(forecast, shifted).counts.table("model", 40.0)
    assert (table.hits, table.misses, table.false_alarms) == (0, 75, 75)
    assert table.critical_success_index == 0
    assert table.frequency_bias == 1


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 399))
def test_the_table_of_the_whole_is_the_sum_of_the_tables_of_the_halves(seed, cut):
    random = np.random.default_rng(seed)
    forecast, observed = random.random((2, 400)) < 0.3
    halves = [
        ContingencyTable.of_events(forecast[part], observed[part])
        for part in (slice(cut), slice(cut, None))
    ]
    assert halves[0] + halves[1] == ContingencyTable.of_events(forecast, observed)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.floats(-10, 60))
def test_every_score_equals_that_of_the_scores_package(seed, threshold):
    random = np.random.default_rng(seed)
    forecast, observed = random.normal(25, 15, (2, 30, 20)).round().astype(np.float32)
    ours = ContingencyTable.of_events(forecast >= threshold, observed >= threshold)
    theirs = _scores_manager(forecast, observed, threshold)
    counts = theirs.get_counts()
    assert ours.hits == counts["tp_count"]
    assert ours.misses == counts["fn_count"]
    assert ours.false_alarms == counts["fp_count"]
    assert ours.correct_negatives == counts["tn_count"]
    for name, other in SCORES.items():
        with np.errstate(all="ignore"):
            expected = float(getattr(theirs, other)())
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-12, equal_nan=True)


def _scores_manager(forecast, observed, threshold):
    operator = scores.categorical.ThresholdEventOperator(default_event_threshold=threshold)
    return operator.make_contingency_manager(
        xr.DataArray(forecast, dims=("y", "x")), xr.DataArray(observed, dims=("y", "x"))
    )


def test_verify_counts_what_the_scores_package_counts_where_all_methods_and_observations_are():
    forecast, observed = forecast_of(small_storm(coverage_radius_km=9, height=40, width=40))
    scored = verify(forecast, observed)
    valid = ~observed.missing
    for frames in forecast.methods().values():
        valid &= ~frames.missing
    assert 0.1 < valid.mean() < 0.9
    for name, frames in forecast.methods().items():
        values = np.where(valid, frames.reflectivity_dbz, np.nan)
        for threshold in (30.0, 40.0, 50.0):
            counts = _scores_manager(
                values[4], np.where(valid, observed.reflectivity_dbz, np.nan)[4], threshold
            ).get_counts()
            table = scored.counts.table(name, threshold, 4)
            assert table.hits == counts["tp_count"]
            assert table.misses == counts["fn_count"]
            assert table.false_alarms == counts["fp_count"]
            assert table.correct_negatives == counts["tn_count"]


def test_all_methods_are_judged_on_the_same_pixels():
    forecast, observed = forecast_of(small_storm())
    values = forecast.extrapolation.reflectivity_dbz.copy()
    values[:, 10] = np.nan
    poorer = forecast.extrapolation.with_values(values, observed.times)
    scored = verify(replace(forecast, extrapolation=poorer), observed)
    assert len({scored.counts.table(method, 30.0).total for method in scored.counts.methods}) == 1
    fewer = verify(forecast, observed).counts.table("model", 30.0).total
    assert scored.counts.table("model", 30.0).total == fewer - 10 * 20


def test_observations_at_other_times_are_ignored_and_near_ones_match():
    forecast, observed = forecast_of(small_storm())
    late = observed.with_values(
        observed.reflectivity_dbz, [t + timedelta(seconds=30) for t in observed.times]
    )
    later = observed.with_values(
        observed.reflectivity_dbz, [t + timedelta(seconds=60) for t in observed.times]
    )
    assert verify(forecast, late) == verify(forecast, observed)
    assert verify(forecast, later).frames == (0,) * 10


@pytest.mark.parametrize("nothing", [None, "empty"])
def test_without_observations_all_leads_are_listed_with_zero_counts(nothing):
    forecast, observed = forecast_of(small_storm())
    value = verify(forecast, observed[:0] if nothing else None).to_json()
    assert list(value["methods"]) == ["model", "extrapolation", "persistence"]
    for thresholds in value["methods"].values():
        assert list(thresholds) == ["30", "40", "50"]
        for result in thresholds.values():
            assert len(result["leads"]) == 10
            for row in (*result["leads"], result["pooled"]):
                assert row["hits"] == row["correct_negatives"] == 0
                assert row["csi"] is row["pod"] is row["far"] is row["bias"] is None
    assert value["sample"]["frames"] == value["sample"]["pixels"] == 0


def test_json_has_the_shape_of_the_contract_and_comes_back():
    forecast, observed = forecast_of(small_storm())
    scored = verify(forecast, observed[:4])
    value = json.loads(json.dumps(scored.to_json(), allow_nan=False))
    lead = value["methods"]["model"]["30"]["leads"][0]
    assert set(lead) == {
        "lead_minutes",
        "hits",
        "misses",
        "false_alarms",
        "correct_negatives",
        "csi",
        "pod",
        "far",
        "bias",
    }
    assert set(value["methods"]["model"]["30"]["pooled"]) == set(lead) - {"lead_minutes"}
    assert lead["lead_minutes"] == 6
    assert value["sample"]["leads"][0]["frames"] == 1
    assert value["sample"]["leads"][4] == {"lead_minutes": 30.0, "frames": 0, "pixels": 0}
    assert Verification.from_json(value) == scored


def test_verifications_add():
    forecast, observed = forecast_of(small_storm())
    assert verify(forecast, observed[:4]) + verify(forecast, observed[4:]) == verify(
        forecast, observed
    )


def test_verifications_of_other_thresholds_do_not_add():
    forecast, observed = forecast_of(small_storm())
    with pytest.raises(ContractViolation, match="add only where") as refusal:
        verify(forecast, observed) + verify(forecast, observed, (20,))
    assert refusal.value.rule == "verification-layout"


def test_observations_on_another_grid_are_refused():
    forecast, _ = forecast_of(small_storm())
    with pytest.raises(ContractViolation, match="grid of the forecast") as refusal:
        verify(forecast, small_storm(height=30))
    assert refusal.value.rule == "grid"


def test_a_forecast_of_one_frame_is_matched_by_its_lead():
    forecast, observed = forecast_of(small_storm())
    single = replace(
        forecast,
        frames=forecast.frames[:1],
        extrapolation=forecast.extrapolation[:1],
        persistence=forecast.persistence[:1],
    )
    assert verify(single, observed).frames == (1,)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Grid.of_pixels(6, 4), "theirs has 6 x 4 pixels, not 5 x 4"),
        (Grid(np.arange(5.0), np.arange(4.0), "m"), "their coordinates are in 'm', not '1'"),
        (Grid(np.arange(5.0), np.array([0, 1, 2.5, 3]), "1"), "their x[2] is 2.5, not 2"),
    ],
)
def test_a_grid_is_refused_by_its_first_difference(other, words):
    assert grid_difference(Grid(np.arange(5.0), np.arange(4.0), "1"), other) == words


def test_pixels_at_other_latitudes_are_another_grid():
    degrees = np.full((5, 4), 50, np.float32)
    here = replace(Grid.of_pixels(5, 4), latitude=degrees, longitude=degrees)
    there = replace(here, latitude=degrees + np.eye(5, 4, k=1, dtype=np.float32))
    assert not there.same_as(here)
    assert grid_difference(here, there) == "their latitude[0, 1] is 51, not 50"
    assert here.same_as(Grid.of_pixels(5, 4))  # which does not say where it is
    assert here.same_as(replace(here, longitude=degrees + np.float32(1e-4)))
