"""Windows are what a nowcaster sees; training learns, resumes to the bit, and stops on NaN."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from echocast.model.errors import ModelError
from echocast.model.extrapolation.sprog import damped
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import SCALE_DBZ
from echocast.model.synthetic.storms import storm
from echocast.model.training.config import TrainingConfig
from echocast.model.training.loop import train
from echocast.model.training.losses import exceedance_loss, intensity_loss, rain_weight
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run, mean_network
from echocast.model.training.sampler import Sampler
from echocast.model.training.window_plan import gather
from echocast.model.training.windows import (
    MISSING_COUNT,
    WindowStore,
    aligned,
    clean,
    extract_crops,
    from_counts,
    to_counts,
)
from tests.model.training.training_windows import stored

TINY = replace(RADAR_SMALL, hidden_channels=4, exceedance_thresholds_dbz=(20.0, 30.0))
CONFIG = TrainingConfig(TINY, steps=6, batch=2, seed=4)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("windows"))


def test_a_storm_that_only_drifts_stands_still_when_aligned():
    base = clean(storm(3, frames=1, height=128, width=128).reflectivity_dbz)[0]
    frames = np.stack([np.roll(base, 3 * t, 1) for t in range(8)])
    moved = aligned(frames, 5)
    inner = (slice(None), slice(32, -32), slice(40, -40))
    drift = np.nanmean(np.abs(moved - moved[4])[inner])
    assert drift < 0.25 * np.mean(np.abs(frames - frames[4])[inner])


def test_cleaning_removes_specks_and_caps_clutter_but_keeps_missing():
    frames = np.zeros((1, 20, 20), np.float32)
    frames[0, 5, 5], frames[0, 10:15, 10:15], frames[0, 0, 0] = 50, 78, np.nan
    cleaned = clean(frames)[0]
    assert cleaned[5, 5] == 0
    assert cleaned[12, 12] == 60
    assert np.isnan(cleaned[0, 0])


def test_counts_keep_dry_and_missing_apart():
    counts = to_counts(np.array([[np.nan, 0.0, 30.0, 200.0]], np.float32))
    assert counts.tolist() == [[MISSING_COUNT, 0, 100, 254]]
    back = from_counts(counts)[0]
    assert np.isnan(back[0])
    assert back[1:].tolist() == pytest.approx([0.0, 30.0, 76.2])


def test_a_dry_event_gives_no_windows():
    dry = np.zeros((12, 64, 64), np.float32)
    assert list(extract_crops(dry, 6, 5, 32, np.random.default_rng(0))) == []


def test_batches_hold_windows_of_one_length_and_depend_on_the_step_alone(store):
    sampler = Sampler([store], CONFIG)
    lengths = set()
    for step in range(8):
        batch, again = sampler.batch(step), Sampler([store], CONFIG).batch(step)
        assert torch.equal(batch.frames, again.frames)
        assert ((batch.valid == 0) | (batch.valid == 1)).all()
        lengths.add((batch.inputs, batch.frames.shape[1]))
    assert lengths == {(6, 12), (5, 8)}


def test_batches_drawn_ahead_are_the_same_in_the_same_order(store):
    sampler = Sampler([store], CONFIG)
    alone, ahead = Loader(sampler), Loader(sampler, threads=3)
    pairs = list(zip(alone.batches(2, 9), ahead.batches(2, 9), strict=True))
    assert len(pairs) == 7
    for first, second in pairs:
        assert torch.equal(first.frames, second.frames)
        assert torch.equal(first.bases, second.bases)
    assert alone.waited_seconds > 0


def test_a_base_is_that_of_the_whole_field_not_of_the_crop():
    frames = clean(storm(5, frames=8, height=128, width=128).reflectivity_dbz)
    (counts,) = extract_crops(frames, 5, 1, 32, np.random.default_rng(0))
    assert counts.shape == (11, 32, 32)
    whole = to_counts(damped(aligned(frames, 5)[:5], 3))
    shares = [
        (y, x)
        for y in range(0, 97, 10)
        for x in range(0, 97, 10)
        if np.array_equal(whole[:, y : y + 32, x : x + 32], counts[8:])
    ]
    assert len(shares) == 1


def test_windows_without_bases_are_refused(tmp_path):
    np.save(tmp_path / "windows.npy", np.zeros((1, 20, 32, 32), np.uint8))
    (tmp_path / "windows.json").write_text("[]")
    with pytest.raises(ModelError, match="extract them again"):
        WindowStore.load(tmp_path)


def test_an_event_with_share_zero_is_never_drawn(store):
    sampler = Sampler([store], replace(CONFIG, shares={"storm2": 0.0}))
    assert {sampler.batch(step).inputs for step in range(8)} == {6}


def test_heavy_rain_weighs_more():
    weights = rain_weight(torch.tensor([0.0, 20.0, 30.0, 35.0, 45.0]))
    assert weights.tolist() == [1, 2, 3, 5, 8]


def test_losses_ignore_missing_pixels_and_vanish_for_the_truth():
    observed = torch.tensor([[[[0.2, 0.6]]]])
    valid = torch.tensor([[[[1.0, 0.0]]]])
    wrong_where_missing = torch.tensor([[[[0.2, 0.1]]]])
    assert intensity_loss(wrong_where_missing, observed, valid, 1.0) == 0
    sure = torch.where(observed >= 30 / SCALE_DBZ, 40.0, -40.0)
    assert exceedance_loss(sure, observed, torch.ones_like(valid), (30.0,)) < 1e-6


def test_training_lowers_the_loss(store, tmp_path):
    config = replace(CONFIG, steps=30, brightness_dbz=0.0, peak_rate=5e-3)
    run, sampler = Run(config, tmp_path), Sampler([store], config)
    losses = []
    while run.step < config.steps:
        losses.append(run.advance(sampler.batch(run.step % 2)).loss)
    assert np.mean(losses[-4:]) < 0.97 * np.mean(losses[:4])


def test_a_killed_run_goes_on_as_if_nothing_had_happened(store, tmp_path):
    whole = Run(CONFIG, tmp_path / "whole")
    straight = list(train(whole, Loader(Sampler([store], CONFIG))))
    killed = Run(CONFIG, tmp_path / "killed")
    first = [killed.advance(Sampler([store], CONFIG).batch(step)) for step in range(3)]
    killed.save()
    resumed = Run(CONFIG, tmp_path / "killed")
    resumed.resume()
    assert first + list(train(resumed, Loader(Sampler([store], CONFIG)))) == straight
    for key, value in whole.averaged().state_dict().items():
        assert torch.equal(value, resumed.averaged().state_dict()[key])


def test_a_run_can_be_opened_from_its_folder(store, tmp_path):
    run = Run(CONFIG, tmp_path)
    list(train(run, Loader(Sampler([store], CONFIG))))
    assert Run.open(tmp_path).step == CONFIG.steps


def test_a_warm_start_begins_with_the_averaged_weights_of_another_run(store, tmp_path):
    first = Run(CONFIG, tmp_path / "first")
    list(train(first, Loader(Sampler([store], CONFIG))))
    second = Run(replace(CONFIG, warm_start="first"), tmp_path / "second")
    second.start_from(first.averaged())
    for key, value in second.network.state_dict().items():
        assert torch.equal(value, first.average[key])
    second.advance(Sampler([store], CONFIG).batch(0))
    assert not torch.equal(second.average["head.weight"], first.average["head.weight"])


def test_the_mean_of_networks_has_the_mean_of_their_weights(store, tmp_path):
    first, second = (Run(replace(CONFIG, seed=seed), tmp_path / str(seed)) for seed in (1, 2))
    mean = mean_network([first.averaged(), second.averaged()]).state_dict()
    for key, value in mean.items():
        torch.testing.assert_close(value, (first.average[key] + second.average[key]) / 2)
    assert any(not torch.equal(mean[key], value) for key, value in first.average.items())
    other = Run(replace(CONFIG, network=replace(CONFIG.network, kernel=5)), tmp_path / "other")
    with pytest.raises(ModelError, match="same configuration"):
        mean_network([first.averaged(), other.averaged()])


def test_resuming_with_another_configuration_is_refused(store, tmp_path):
    run = Run(CONFIG, tmp_path)
    run.save()
    network = replace(CONFIG.network, kernel=5)
    with pytest.raises(
        ModelError, match=r"\(network: kernel: 3, not 5, peak_rate: 0.002, not 1.0\)"
    ):
        Run(replace(CONFIG, peak_rate=1.0, network=network), tmp_path).resume()


def test_a_plan_gives_the_same_windows_again(tmp_path):
    plan = [
        {
            "synthetic_seeds": [5, 7, 1],
            "step_minutes": 5,
            "pixel_km": 1.0,
            "cuts": [
                {
                    "event": "synthetic",
                    "step_minutes": 5,
                    "stride": 1,
                    "inputs": 10,
                    "outputs": 10,
                    "starts": [0, 1, 1],
                    "count": 2,
                }
            ],
        }
    ]
    first, again = (
        [window for part in gather(json.loads(json.dumps(plan)), tmp_path, 3) for window in part]
        for _ in range(2)
    )
    assert len(first) == 4
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
