import numpy as np

from echocast.model.synthetic.storms import storm


def test_the_same_seed_gives_the_same_storm():
    one, two, other = (storm(seed, frames=3, height=64, width=48) for seed in (5, 5, 6))
    assert one.sha256() == two.sha256() != other.sha256()


def test_it_says_that_it_is_synthetic():
    assert "not an observation" in storm(0, frames=1, height=32, width=32).attributes["source"]


def test_values_are_those_of_rain():
    for seed in range(4):
        values = storm(seed, height=128, width=128).reflectivity_dbz
        assert values.max() <= 57
        wet = values[values > -32]
        assert wet.min() >= 2
        assert 0.2 < wet.size / values.size <= 1


def test_storms_are_heavy_enough_to_learn_from():
    shares = [float((storm(seed).reflectivity_dbz >= 40).mean()) for seed in range(6)]
    assert 0.001 < np.mean(shares) < 0.05


def test_it_moves_but_not_beyond_recognition():
    frames = np.maximum(storm(2, frames=4, height=128, width=128).reflectivity_dbz, 0)
    near = np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1]
    far = np.corrcoef(frames[0].ravel(), frames[3].ravel())[0, 1]
    assert far < near < 0.999
    assert near > 0.3


def test_outside_coverage_is_missing():
    frames = storm(1, frames=2, height=64, width=64, pixel_km=2, coverage_radius_km=40)
    assert frames.missing[0, 0, 0]
    assert not frames.missing[0, 32, 32]
    np.testing.assert_allclose((~frames.missing[0]).sum(), np.pi * 20**2, rtol=0.03)


def test_the_grid_and_times_are_as_asked():
    frames = storm(1, frames=3, height=20, width=30, step_minutes=2.5, pixel_km=0.5)
    assert frames.grid.shape == (20, 30)
    assert frames.grid.pixel_size_km == 0.5
    assert frames.step.total_seconds() == 150
    assert frames.grid.y[0] > frames.grid.y[-1]
