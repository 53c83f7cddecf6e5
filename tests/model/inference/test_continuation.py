"""Lead times after the network's: its last one goes on, and each scale of it fades."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from echocast.model.errors import ContractViolation
from echocast.model.extrapolation.motion import carry, trajectories
from echocast.model.extrapolation.sprog import SCALES_PIXELS, faded, scale_damped
from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast, write_forecast_stream
from echocast.model.frames import Frames
from echocast.model.horizon import LeadSource, check_leads
from echocast.model.inference import postprocessing
from echocast.model.inference.continuation import predicted_parts
from echocast.model.network.config import RADAR_SMALL, NetworkConfig
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.synthetic.storms import storm

TINY = replace(RADAR_SMALL, hidden_channels=4, layers=2, kernel=1)
BANDS = len(SCALES_PIXELS) + 1
EVERYWHERE = np.ones((64, 72), bool)


def nowcaster(config: NetworkConfig = TINY) -> Nowcaster:
    torch.manual_seed(2)
    network = Network(config).eval()
    with torch.no_grad():
        network.head.weight.normal_(0, 0.05)
    decision = ExceedanceDecision((0.3,) * 6)
    return Nowcaster(network, ModelIdentity("tiny", "1", "0" * 64), decision=decision)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return storm(4, frames=10, height=64, width=72, step_minutes=2, coverage_radius_km=40)


@pytest.fixture(scope="module")
def usual(frames: Frames) -> Forecast:
    return nowcaster().nowcast(frames)


@pytest.fixture(scope="module")
def longer(frames: Frames) -> Forecast:
    return nowcaster().nowcast(frames, 24)


def fields(forecast: Forecast) -> list[np.ndarray]:
    """Everything along lead time, lead time first."""
    assert forecast.expected is not None
    assert forecast.exceedance_probability is not None
    methods = [one.reflectivity_dbz for one in (*forecast.methods().values(), forecast.expected)]
    return [*methods, forecast.exceedance_probability.swapaxes(0, 1)]


def test_the_first_leads_are_those_of_a_usual_forecast(
    usual: Forecast, longer: Forecast, frames: Frames
) -> None:
    fewer = nowcaster().nowcast(frames, 4)
    for some, all_of, few in zip(fields(usual), fields(longer), fields(fewer), strict=True):
        assert all_of.shape[0] == 24
        np.testing.assert_array_equal(all_of[:10], some)
        np.testing.assert_array_equal(few, some[:4])


def test_each_lead_says_what_made_it(usual: Forecast, longer: Forecast) -> None:
    assert usual.lead_sources == 10 * (LeadSource.NETWORK,)
    assert longer.lead_sources == usual.lead_sources + 14 * (LeadSource.EXTRAPOLATION,)
    assert longer.lead_minutes == [2.0 * lead for lead in range(1, 25)]
    assert "horizon" not in usual.quality
    assert "leads to 20 minutes" in longer.quality["horizon"]


def test_all_methods_are_missing_at_the_same_pixels(longer: Forecast) -> None:
    missing = np.isnan(longer.frames.reflectivity_dbz)
    assert missing[-1].sum() > missing[10].sum() > 0
    for field in fields(longer):
        for plane in (field,) if field.ndim == 3 else field.swapaxes(0, 1):
            np.testing.assert_array_equal(np.isnan(plane), missing)


def test_probabilities_stay_probabilities(longer: Forecast) -> None:
    chances = longer.exceedance_probability
    assert chances is not None
    assert np.nanmin(chances) >= 0
    assert np.nanmax(chances) <= 1
    assert (np.nan_to_num(np.diff(chances.astype(np.float32), axis=0)) <= 0).all()


def test_detail_is_lost_lead_by_lead_and_the_mean_stays(frames: Frames) -> None:
    model = nowcaster()
    prepared = model.prepare(frames)
    valid = np.isfinite(prepared.newest_dbz)
    (whole,) = predicted_parts(prepared, model.predict([prepared])[0], 24, 24)
    chances = whole.exceedance_probability[9:, 0].astype(np.float32)
    for leads in (whole.frames_dbz[9:], chances):
        for before, after in pairwise(lead[valid] for lead in leads):
            assert after.std() < before.std()
            assert after.mean() == pytest.approx(before.mean(), rel=0.02)


@pytest.mark.parametrize("together", [1, 4])  # parts of four: one of them spans both sources
def test_a_file_written_in_parts_is_the_same(
    together: int, longer: Forecast, frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postprocessing, "leads_per_part", lambda pixels: together)
    model = nowcaster()
    prepared = model.prepare(frames)
    stream = model.stream(prepared, model.predict([prepared])[0], 24)
    assert stream.lead_sources == longer.lead_sources
    write_forecast_stream(stream, tmp_path / "parts.nc")
    write_forecast(longer, tmp_path / "whole.nc")
    parts, whole = (read_forecast(tmp_path / f"{name}.nc") for name in ("parts", "whole"))
    assert parts.lead_sources == whole.lead_sources == longer.lead_sources
    assert parts.quality == whole.quality == longer.quality
    for one, other in zip(fields(parts), fields(whole), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("coordinates", ["lagrangian", "eulerian"])
def test_the_last_lead_goes_on_along_the_motion(coordinates: str, frames: Frames) -> None:
    """Also of a network that sees the rain moving, whose last lead is where the rain then is."""
    model = nowcaster(replace(TINY, coordinates=coordinates, base="newest", control_widths=()))
    prepared = model.prepare(frames)
    last = model.predict([prepared])[0].frames_dbz[-1].copy()
    later = np.clip(faded(last, prepared.memories, 3, np.isfinite(prepared.newest_dbz)), 0, None)
    steps = 13 if coordinates == "lagrangian" else 3
    path = trajectories(prepared.motion)
    *_, at = (next(path) for _ in range(steps))
    valid = np.isfinite(prepared.newest_dbz)
    expected = carry(np.where(valid, later, np.nan) if steps == 13 else later, at)
    forecast = model.nowcast(frames, 13).expected
    assert forecast is not None
    actual = np.clip(forecast.reflectivity_dbz[-1], 0, None)
    inside = np.isfinite(actual) & np.isfinite(expected)
    assert inside.mean() > 0.3
    np.testing.assert_allclose(actual[inside], np.clip(expected, 0, None)[inside], atol=0.02)


def test_a_field_fades_to_its_mean_scale_by_scale() -> None:
    field = np.random.default_rng(1).uniform(0, 40, EVERYWHERE.shape).astype(np.float32)
    all_left, nothing = faded(field, (1.0,) * BANDS, 9, EVERYWHERE), (0.0,) * BANDS
    np.testing.assert_allclose(all_left, field, atol=1e-4)
    np.testing.assert_allclose(faded(field, nothing, 1, EVERYWHERE), field.mean(), atol=1e-3)
    fine_fades = faded(field, (0.5, *(1.0,) * (BANDS - 1)), 3, EVERYWHERE)
    assert fine_fades.mean() == pytest.approx(field.mean(), abs=1e-3)
    assert 0 < fine_fades.std() < field.std() / 2


def test_small_scales_of_drawn_rain_are_forgotten_first() -> None:
    """Noise that changes from frame to frame on a field that stays."""
    draw = np.random.default_rng(3)
    rows, columns = np.indices(EVERYWHERE.shape)
    still = 20 + 10 * np.sin(rows / 9) * np.cos(columns / 11)
    aligned = (still + draw.normal(0, 2, (5, *still.shape))).astype(np.float32)
    memories = scale_damped(aligned, 1).memories
    assert len(memories) == BANDS
    assert memories[0] < 0.5 < 0.95 < memories[4] <= 1


@pytest.mark.parametrize(
    ("leads", "minutes", "sentence"),
    [
        (25, 1, "1 to 24 lead times, not 25"),
        (0, 5, "1 to 24 lead times, not 0"),
        (13, 10, "13 of 10 minutes reach 130; with this step 12 can be requested"),
        (11, 15, "11 of 15 minutes reach 165; with this step 8 can be requested"),
    ],
)
def test_what_is_beyond_the_horizon_is_refused(leads: int, minutes: float, sentence: str) -> None:
    with pytest.raises(ContractViolation, match=sentence):
        check_leads(leads, timedelta(minutes=minutes), 10)


@pytest.mark.parametrize(("leads", "minutes"), [(None, 60), (10, 15), (24, 5), (24, 5.01), (8, 15)])
def test_what_the_network_makes_and_all_up_to_the_horizon_is_allowed(
    leads: int | None, minutes: float
) -> None:
    check_leads(leads, timedelta(minutes=minutes), 10)


def test_a_forecast_is_refused_before_the_network_runs(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nowcaster()
    monkeypatch.delattr(Nowcaster, "predict")
    with pytest.raises(ContractViolation, match="not 25"):
        model.nowcast(frames, 25)
