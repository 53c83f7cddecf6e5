"""Frames that are missing are made of their neighbours along the motion."""

import numpy as np
import pytest

from echocast.model.extrapolation.bridging import bridged, interpolate
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray

SPEED = 2.0


def cell(column: float) -> FloatArray:
    y, x = np.mgrid[:64, :96]
    field = 55 - ((y - 32) ** 2 + (x - column) ** 2) / 12
    return np.clip(field, 0, None).astype(np.float32)


def moving(count: int = 6) -> Frames:
    values = np.stack([cell(30 + SPEED * k) for k in range(count)])
    return Frames.of_array(values, step_minutes=5, km_per_pixel=1)


@pytest.mark.parametrize(
    ("known", "replaced"),
    [
        ((0, 1, 2, 3, 4), (5,)),
        ((0, 1, 2, 3), (4, 5)),
        ((1, 2, 3, 4, 5), (0,)),
        ((3, 4, 5), (0, 1, 2)),
        ((0, 1, 4, 5), (2, 3)),
        ((1, 2, 4), (0, 3, 5)),
    ],
)
def test_a_moving_cell_is_where_it_was(known: tuple[int, ...], replaced: tuple[int, ...]) -> None:
    truth = moving()
    values = np.array(truth.reflectivity_dbz)
    values[list(replaced)] = 0
    faulty = truth.with_values(values, truth.times)
    made = bridged(faulty, known)
    assert made.times == truth.times
    for index in known:
        np.testing.assert_array_equal(made.reflectivity_dbz[index], values[index])
    for index in replaced:
        image = made.reflectivity_dbz[index]
        inside = np.isfinite(image)
        assert inside.mean() > 0.8
        nearest = truth.reflectivity_dbz[min(known, key=lambda k: abs(k - index))]
        error = np.abs(image - truth.reflectivity_dbz[index])[inside].mean()
        assert error < 0.5 * np.abs(nearest - truth.reflectivity_dbz[index])[inside].mean()


def test_one_known_frame_stands_still() -> None:
    made = bridged(moving(), (2,))
    for image in made.reflectivity_dbz:
        np.testing.assert_array_equal(image, cell(34))


def test_the_missing_stays_missing_and_a_floor_is_no_rain() -> None:
    values = np.where(moving().reflectivity_dbz > 0, moving().reflectivity_dbz, -32)
    values[:, :, :10] = np.nan
    faulty = Frames.of_array(values, step_minutes=5, km_per_pixel=1)
    made = bridged(faulty, (0, 1, 2, 3, 4)).reflectivity_dbz[5]
    assert np.isnan(made[:, :8]).all()
    known = made[np.isfinite(made)]
    assert known.min() == 0
    assert known.max() == pytest.approx(55, abs=2)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_moving_cell_is_interpolated_where_it_was(share: float) -> None:
    between = interpolate(cell(40), cell(48), share)
    truth = cell(40 + 8 * share)
    mean = (1 - share) * cell(40) + share * cell(48)
    assert np.abs(between - truth).mean() < 0.4 * np.abs(mean - truth).mean()
    assert between.max() == pytest.approx(55, abs=2)


def test_interpolation_takes_the_other_frame_where_one_is_missing() -> None:
    earlier, later = cell(40), cell(40)
    earlier[:, :20] = np.nan
    later[:, 80:] = np.nan
    between = interpolate(earlier, later, 0.5)
    assert np.isfinite(between).all()
    both = np.full((64, 96), np.nan, np.float32)
    assert np.isnan(interpolate(both, both, 0.5)).all()
