"""How far a forecast may depend on the others of its launch; BEWARE.md names the bounds."""

from __future__ import annotations

import numpy as np
import pytest

from echocast.model.forecast import Forecast
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.reader import RegistryReader
from tests.workers.storms import storm

ROUNDED_DBZ = 0.01  # a step of the packed reflectivity
PROBABILITY = 0.001
FEWEST_EQUAL = 0.999  # share of the pixels


@pytest.fixture(scope="module")
def nowcaster() -> Nowcaster:
    """The shipped model, with the steps that serve."""
    return Nowcaster.load(RegistryReader().resolve())


def differences(one: Forecast, other: Forecast) -> np.ndarray:
    pair = (one.frames.reflectivity_dbz, other.frames.reflectivity_dbz)
    assert np.array_equal(*(np.isnan(part) for part in pair))
    return np.abs(np.nan_to_num(pair[0]) - np.nan_to_num(pair[1]))


@pytest.mark.parametrize("size", [32, 64])
def test_a_launch_changes_a_forecast_by_a_step_of_rounding_at_most(
    nowcaster: Nowcaster, size: int
) -> None:
    items = [nowcaster.prepare(storm(seed, size=size)) for seed in range(1, 6)]
    alone = [nowcaster.predict([item])[0] for item in items]
    together = nowcaster.predict(items)
    for item, one, other in zip(items, alone, together, strict=True):
        pair = (one.exceedance_probability, other.exceedance_probability)
        apart = np.abs(pair[0].astype(np.float32) - pair[1].astype(np.float32))
        assert apart.max() <= PROBABILITY
        off = differences(nowcaster.finish(item, one), nowcaster.finish(item, other))
        assert off.max() <= 1.01 * ROUNDED_DBZ
        assert (off == 0).mean() >= FEWEST_EQUAL


def test_the_same_launch_gives_the_same_bits(nowcaster: Nowcaster) -> None:
    items = [nowcaster.prepare(storm(seed, size=32)) for seed in range(1, 4)]
    for one, other in zip(nowcaster.predict(items), nowcaster.predict(items), strict=True):
        assert np.array_equal(one.frames_dbz, other.frames_dbz)
        assert np.array_equal(one.exceedance_probability, other.exceedance_probability)
