"""Implausible images are replaced, and notes say which, why, and what was made instead."""

import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.inference.plausible_input import plausible_input
from tests.model.smooth_rain import STEP, rain


def observed() -> Frames:
    return Frames.of_array(rain(), step_minutes=STEP, km_per_pixel=1)


def with_image(frames: Frames, index: int, made: object) -> Frames:
    values = np.array(frames.reflectivity_dbz)
    values[index] = made
    return frames.with_values(values, frames.times)


def test_plausible_frames_are_the_same_object() -> None:
    frames = observed()
    assert plausible_input(frames) is frames


def test_an_empty_newest_image_is_replaced_and_the_forecast_is_degraded() -> None:
    frames = observed()
    made = plausible_input(with_image(frames, -1, frames.no_rain_dbz))
    time = frames.times[-1].isoformat()
    assert made.times == frames.times
    assert made.notes["plausibility"].startswith(f"The image of {time} counts as missing. ")
    assert "9 of 10 images" in made.notes["degraded"]
    assert frames.times[8].isoformat() in made.notes["degraded"]
    replaced, truth = made.reflectivity_dbz[-1], frames.reflectivity_dbz[-1]
    valid = np.isfinite(replaced)
    assert np.mean(replaced[valid] >= 20) == pytest.approx(np.mean(truth[valid] >= 20), rel=0.2)
    for k in range(9):
        np.testing.assert_array_equal(made.reflectivity_dbz[k], frames.reflectivity_dbz[k])


def test_an_empty_image_among_others_is_interpolated_and_nothing_is_degraded() -> None:
    frames = observed()
    made = plausible_input(with_image(frames, 4, frames.no_rain_dbz))
    assert frames.times[4].isoformat() in made.notes["plausibility"]
    assert "degraded" not in made.notes


def test_a_feed_that_repeats_itself_is_degraded() -> None:
    frames = observed()
    still = frames.with_values(np.repeat(frames.reflectivity_dbz[:1], 10, 0), frames.times)
    made = plausible_input(still)
    assert "1 of 10 images" in made.notes["degraded"]
    assert made.notes["plausibility"].count("repeats") == 9


def test_after_a_change_that_lasted_the_images_before_it_are_not_used() -> None:
    frames = observed()
    values = np.array(frames.reflectivity_dbz)
    values[:6] = frames.no_rain_dbz
    made = plausible_input(frames.with_values(values, frames.times))
    assert "4 of 10 images" in made.notes["degraded"]
    assert f"Images before {frames.times[6].isoformat()}" in made.notes["plausibility"]
    assert np.nanmax(made.reflectivity_dbz[0]) > 20


def test_notes_of_the_input_stay() -> None:
    frames = observed()
    faulty = with_image(frames, -1, frames.no_rain_dbz)
    noted = Frames(
        faulty.reflectivity_dbz,
        faulty.times,
        faulty.grid,
        faulty.no_rain_dbz,
        faulty.attributes,
        {"codes": "Decided."},
    )
    assert set(plausible_input(noted).notes) == {"codes", "plausibility", "degraded"}


def test_rain_that_left_a_small_domain_is_not_shown_and_missing_stays_missing() -> None:
    values = rain()[:, 36:84, 20:84]
    values[-1] = 0
    values[:, :3] = np.nan
    made = plausible_input(Frames.of_array(values, step_minutes=10, km_per_pixel=1))
    assert "The forecast is dry" in made.notes["plausibility"]
    np.testing.assert_array_equal(np.isnan(made.reflectivity_dbz), np.isnan(values))
    assert np.nanmax(made.reflectivity_dbz) == 0
    values[-2] = np.minimum(values[-2], 15)
    made = plausible_input(Frames.of_array(values, step_minutes=10, km_per_pixel=1))
    assert np.nanmax(made.reflectivity_dbz) == 0
    assert "plausibility" not in made.notes
