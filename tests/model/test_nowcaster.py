"""Frames in, a forecast out: its laws, whatever the weights."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch

from echocast.model.errors import ContractViolation
from echocast.model.extrapolation.motion import Motion, carry, estimate_motion, trajectories
from echocast.model.extrapolation.sprog import damped
from echocast.model.forecast import ModelIdentity
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast, write_forecast_stream
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.inference.preprocessing import GROWTH_KM_PER_HOUR, prepare, reach, reach_pixels
from echocast.model.network.config import RADAR_SMALL, NetworkConfig
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.quantisation import rounded_dbz
from echocast.model.synthetic.storms import storm

TINY = replace(RADAR_SMALL, hidden_channels=4)
IDENTITY = ModelIdentity("tiny", "1", "0" * 64)


def nowcaster(config=TINY, *, trained=True):
    torch.manual_seed(2)
    network = Network(config).eval()
    if trained:
        with torch.no_grad():
            network.head.weight.normal_(0, 0.05)
    return Nowcaster(network, IDENTITY)


@pytest.fixture(scope="module")
def frames():
    return storm(4, frames=10, height=70, width=90)


def dbz(frames):
    return np.clip(frames.reflectivity_dbz, 0, None)


def test_ten_frames_go_in_and_the_next_ten_come_out(frames):
    forecast = nowcaster().nowcast(frames)
    assert forecast.frames.reflectivity_dbz.shape == (10, 70, 90)
    assert forecast.forecast_reference_time == frames.times[-1]
    assert forecast.lead_times == tuple(frames.step * k for k in range(1, 11))
    assert forecast.exceedance_probability.shape == (6, 10, 70, 90)
    assert forecast.model == IDENTITY
    assert forecast.input_sha256 == frames.sha256()


def test_untrained_weights_forecast_exactly_the_extrapolation(frames):
    forecast = nowcaster(replace(TINY, base="newest"), trained=False).nowcast(frames)
    np.testing.assert_allclose(dbz(forecast.frames), dbz(forecast.extrapolation), atol=0.011)


def test_on_the_damped_base_they_forecast_scale_damped_extrapolation(frames):
    network = nowcaster(trained=False)
    forecast = network.nowcast(frames)
    near = reach(prepare(frames, network.config), network.config)[:70, :90].astype(np.float32)
    assert 0.5 < near.mean() < 1
    observed = np.clip(frames.reflectivity_dbz, 0, None)
    motion = estimate_motion(observed)
    past = zip(observed[-2::-1], trajectories(motion), strict=False)
    aligned = np.stack([*[carry(frame, at) for frame, at in past][::-1], observed[-1]])
    for lead, (frame, at) in enumerate(
        zip(damped(aligned, 10), trajectories(motion), strict=False)
    ):
        inside = carry(near, at) > 0.99
        actual, expected = (
            np.where(inside, part, 0) for part in (dbz(forecast.frames)[lead], carry(frame, at))
        )
        np.testing.assert_allclose(actual, expected, atol=0.05)


def test_trained_weights_do_not(frames):
    forecast = nowcaster().nowcast(frames)
    assert np.nanmax(np.abs(dbz(forecast.frames) - dbz(forecast.extrapolation))) > 1


def test_the_same_frames_twice_and_others_between_give_the_same_forecast(frames):
    model, other = nowcaster(), storm(5, frames=10, height=70, width=90)
    first = model.nowcast(frames)
    model.nowcast(other)
    again = model.nowcast(frames)
    np.testing.assert_array_equal(first.frames.reflectivity_dbz, again.frames.reflectivity_dbz)


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_a_batch_answers_like_one_by_one(frames):
    model, other = nowcaster(), storm(5, frames=10, height=70, width=90)
    prepared = [model.prepare(item) for item in (frames, other)]
    assert prepared[0].batch_key == prepared[1].batch_key
    for item, together in zip(prepared, model.predict(prepared), strict=True):
        alone = model.predict([item])[0]
        np.testing.assert_allclose(together.frames_dbz, alone.frames_dbz, atol=1e-3)


def test_every_step_of_the_network_is_reported(frames):
    model, steps = nowcaster(), []
    model.predict([model.prepare(frames)], lambda: steps.append(1))
    assert len(steps) == model.input_frames + model.output_frames - 1


def test_a_dry_sky_stays_dry_whatever_the_weights():
    start = datetime(2026, 7, 1, tzinfo=UTC)
    times = tuple(start + timedelta(minutes=5 * k) for k in range(10))
    dry = Frames(np.full((10, 40, 40), -32, np.float32), times, Grid.of_pixels(40, 40), -32.0)
    forecast = nowcaster().nowcast(dry)
    assert (forecast.frames.reflectivity_dbz == -32).all()
    assert (forecast.exceedance_probability == 0).all()


def test_all_methods_are_missing_at_the_same_pixels_and_missing_is_never_dry(frames):
    values = frames.reflectivity_dbz.copy()
    values[:, :20, :] = np.nan
    forecast = nowcaster().nowcast(frames.with_values(values, frames.times))
    masks = [method.missing for method in forecast.methods().values()]
    assert all(np.array_equal(masks[0], mask) for mask in masks)
    assert masks[0][:, :20].all()
    assert np.array_equal(np.isnan(forecast.exceedance_probability[0]), masks[0])
    assert not masks[0].all()


def test_probabilities_lie_in_0_to_1_and_fall_with_the_threshold(frames):
    chances = nowcaster().nowcast(frames).exceedance_probability
    known = chances[:, np.isfinite(chances[0])]
    assert known.min() >= 0
    assert known.max() <= 1
    assert (np.diff(known, axis=0) <= 1e-3).all()


def test_with_cuts_the_default_product_says_yes_where_the_probability_reaches_them(frames):
    model = nowcaster()
    decision = ExceedanceDecision((0.5, 0.4, 0.3, 0.3, 0.2, 0.2))
    deciding = Nowcaster(model._network, IDENTITY, decision=decision)
    forecast, plain = deciding.nowcast(frames), model.nowcast(frames)
    assert (forecast.product, plain.product) == ("csi_optimal", "expected")
    expected = forecast.expected.reflectivity_dbz
    np.testing.assert_array_equal(expected, plain.frames.reflectivity_dbz)
    yes = forecast.exceedance_probability[0] >= 0.5
    assert np.array_equal(forecast.frames.reflectivity_dbz >= 20, yes)


def test_weights_of_extrapolation_move_decisions_to_it_and_probabilities_stay(frames):
    model, probabilities = nowcaster(), (0.5, 0.4, 0.3, 0.3, 0.2, 0.2)
    leaning = ExceedanceDecision(probabilities, (1.0,) * 6)
    forecast = Nowcaster(model._network, IDENTITY, decision=leaning).nowcast(frames)
    without = Nowcaster(
        model._network, IDENTITY, decision=ExceedanceDecision(probabilities)
    ).nowcast(frames)
    np.testing.assert_array_equal(forecast.exceedance_probability, without.exceedance_probability)
    moved = forecast.frames.reflectivity_dbz != without.frames.reflectivity_dbz
    extrapolation = forecast.extrapolation.reflectivity_dbz
    assert moved[np.isfinite(extrapolation)].any()
    far_above = extrapolation >= 35
    assert far_above.any()
    assert (forecast.frames.reflectivity_dbz[far_above] >= 20).all()


@pytest.mark.parametrize("shape", [(16, 16), (17, 31), (33, 64)])
def test_any_grid_from_sixteen_pixels_on_works(shape):
    forecast = nowcaster().nowcast(storm(1, frames=10, height=shape[0], width=shape[1]))
    assert forecast.frames.reflectivity_dbz.shape == (10, *shape)


def test_the_paper_preset_forecasts_without_extrapolation(frames):
    paper = NetworkConfig(hidden_channels=4, kernel=3)
    forecast = nowcaster(paper).nowcast(frames)
    assert forecast.exceedance_probability is None
    assert np.isfinite(forecast.frames.reflectivity_dbz).any()


def test_an_unknown_pixel_size_is_said(frames):
    plain = Frames(frames.reflectivity_dbz, frames.times, Grid.of_pixels(70, 90))
    assert "pixel_size" in nowcaster().nowcast(plain).quality
    assert "pixel_size" not in nowcaster().nowcast(frames).quality


def test_nine_frames_are_refused(frames):
    with pytest.raises(ContractViolation, match="needs 10 frames, but 9 came"):
        nowcaster().nowcast(frames[:9])


def test_reach_is_a_disc_around_every_echo(frames):
    prepared, inputs = nowcaster().prepare(frames), np.zeros((2, 100, 100), np.float32)
    inputs[0, 50, 50] = 0.5
    hours = 10 * frames.step.total_seconds() / 3600
    pixels = int(GROWTH_KM_PER_HOUR * hours / frames.grid.pixel_size_km)
    near = reach(replace(prepared, inputs=inputs), TINY)
    assert pixels == reach_pixels(prepared, TINY)
    assert near[50, 50 + pixels]
    assert not near[50, 51 + pixels]


def test_reach_counts_motion_where_the_rain_is_seen_moving(frames):
    prepared = replace(nowcaster().prepare(frames), motion=Motion(*np.full((2, 70, 90), -2.0)))
    moving = replace(TINY, coordinates="eulerian", base="newest", control_widths=())
    assert reach_pixels(prepared, moving) == reach_pixels(prepared, TINY) + 10 * 2


def test_where_there_is_no_echo_nothing_is_in_reach(frames):
    prepared = nowcaster().prepare(frames)
    dry = replace(prepared, inputs=np.zeros_like(prepared.inputs))
    assert not reach(dry, TINY).any()


def test_the_floor_of_the_product_is_dry_wherever_it_lies():
    frames = storm(9, frames=10, height=64, width=64)
    values = np.clip(frames.reflectivity_dbz, 10, None)
    low = replace(frames, reflectivity_dbz=np.where(values <= 10, -32, values), no_rain_dbz=-32.0)
    high = replace(frames, reflectivity_dbz=values, no_rain_dbz=10.0)
    first, second = (nowcaster().nowcast(each) for each in (low, high))
    assert np.array_equal(
        first.exceedance_probability, second.exceedance_probability, equal_nan=True
    )
    assert np.nanmin(second.frames.reflectivity_dbz) == 10


def test_values_are_those_that_files_hold(tmp_path):
    forecast = nowcaster().nowcast(storm(9, frames=10, height=64, width=64))
    write_forecast(forecast, tmp_path / "f.nc")
    back = read_forecast(tmp_path / "f.nc")
    for method, frames in forecast.methods().items():
        written = back.methods()[method].reflectivity_dbz
        assert np.array_equal(frames.reflectivity_dbz, written, equal_nan=True)


@pytest.mark.parametrize(("pixels", "leads"), [(1, [1] * 10), (70 * 90 * 4, [4, 4, 2])])
def test_a_forecast_that_comes_in_parts_is_the_same(frames, tmp_path, monkeypatch, pixels, leads):
    deciding = Nowcaster(nowcaster()._network, IDENTITY, decision=ExceedanceDecision((0.5,) * 6))
    prepared = deciding.prepare(frames)
    whole = deciding.finish(prepared, deciding.predict([prepared])[0])
    monkeypatch.setattr("echocast.model.forecast.PART_PIXELS", pixels)
    stream = deciding.stream(prepared, deciding.predict([prepared])[0])
    assert stream.valid_times == whole.frames.times
    assert stream.lead_minutes == whole.lead_minutes
    parts = list(stream.parts)
    assert [len(part.frames) for part in parts] == leads
    for name in ("frames", "expected", "extrapolation", "persistence"):
        joined = np.concatenate([getattr(part, name).reflectivity_dbz for part in parts])
        rounded = getattr(whole, name).reflectivity_dbz
        assert np.array_equal(rounded_dbz(joined), rounded, equal_nan=True)
    chances = np.concatenate([part.exceedance_probability for part in parts], axis=1)
    assert np.array_equal(chances, whole.exceedance_probability, equal_nan=True)
    write_forecast(whole, tmp_path / "whole.nc")
    stream = deciding.stream(prepared, deciding.predict([prepared])[0])
    write_forecast_stream(stream.with_notes({}), tmp_path / "parts.nc")
    assert (tmp_path / "parts.nc").read_bytes() == (tmp_path / "whole.nc").read_bytes()


def test_sharp_is_looked_at_with_what_was_observed(frames):
    forecast = nowcaster().nowcast(frames)
    shown, newest = forecast.sharp().reflectivity_dbz, forecast.persistence.reflectivity_dbz
    assert np.array_equal(np.isnan(shown), np.isnan(newest))
    known = np.isfinite(newest[9])
    assert shown[9][known].max() == newest[9][known].max()
    assert set(shown[9][known]) <= {*newest[9][known], np.float32(frames.no_rain_dbz)}
