"""Which images can follow which: faults are found, what rain does is not."""

from datetime import timedelta

import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.sequence.plausibility import examine
from echocast.model.synthetic.storms import storm
from tests.model.smooth_rain import SIDE, STEP, rain


def kinds(values: FloatArray, step: float = STEP, pixel_km: float = 1) -> dict[int, str]:
    frames = Frames.of_array(values, step_minutes=step, km_per_pixel=pixel_km)
    return {index: doubt.kind for index, doubt in examine(frames).doubts.items()}


FAULTS = {
    "emptied": (lambda image: 0 * image, "vanished"),
    "left half emptied": (
        lambda image: np.where(np.arange(SIDE) < SIDE // 2, 0, image),
        "vanished",
    ),
    "upper half emptied": (
        lambda image: np.where(np.arange(SIDE)[:, None] < SIDE // 2, 0, image),
        "vanished",
    ),
    "lower half emptied": (
        lambda image: np.where(np.arange(SIDE)[:, None] >= SIDE // 2, 0, image),
        "vanished",
    ),
    "three quarters emptied": (
        lambda image: np.where(np.add.outer(np.arange(SIDE), np.arange(SIDE)) > 90, 0, image),
        "vanished",
    ),
    "20 dB weaker": (lambda image: np.clip(image - 20, 0, None), "vanished"),
    "9 dB weaker": (lambda image: np.clip(image - 9, 0, None), None),
    "10 dB stronger": (lambda image: np.where(image > 0, image + 10, 0), None),
    "dBZ doubled": (lambda image: np.minimum(2 * image, 95), "appeared"),
    "full of rain": (lambda image: np.fmax(image, 30), "appeared"),
    "upside down": (lambda image: image[::-1], None),
    "rows and columns swapped": (lambda image: image.T, None),
    "another place": (lambda image: np.roll(image, 60, 1), None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_newest_image_is_found(fault: str) -> None:
    made, kind = FAULTS[fault]
    values = rain()
    values[-1] = made(values[-1])
    doubts = kinds(values)
    assert list(doubts) == [9]
    assert kind in (None, doubts[9])


@pytest.mark.parametrize("step", [2, 5, 10, 15])
@pytest.mark.parametrize("seed", range(3))
def test_storms_that_move_and_grow_are_plausible(seed: int, step: int) -> None:
    values = storm(seed, frames=10, height=96, width=96, step_minutes=step).reflectivity_dbz
    assert kinds(values, step) == {}


@pytest.mark.parametrize(
    ("step", "pixel_km", "speed"), [(5, 1, 6.0), (10, 2, 7.0), (15, 4, 5.0), (2, 0.5, 5.0)]
)
def test_rain_that_moves_at_20_metres_a_second_and_more_is_plausible(
    step: int, pixel_km: float, speed: float
) -> None:
    assert 20 <= speed * pixel_km * 1000 / (60 * step) <= 30
    assert kinds(rain(speed=speed), step, pixel_km) == {}


def test_few_cells_may_come_and_go_at_once() -> None:
    values = rain(cells=((60, 60, 5),), peak=30)
    values[:5] = 0
    assert kinds(values) == {}
    assert kinds(values[::-1]) == {}


def test_rain_may_come_and_go_across_an_edge() -> None:
    values = rain(count=24, speed=7, cells=((30, -30, 20), (80, -30, 20)))
    for first in range(0, 14, 2):
        assert kinds(values[first : first + 10]) == {}


def test_missing_is_not_dry() -> None:
    for where in (np.s_[:], np.s_[:, : SIDE // 2], np.s_[SIDE // 2 :]):
        values = rain()
        values[-1][where] = np.nan
        assert kinds(values) == {}
        assert kinds(values[::-1]) == {}


def test_an_empty_image_counts_where_both_were_observed() -> None:
    values = rain()
    values[-1] = 0
    values[:, :, :20] = np.nan
    assert kinds(values) == {9: "vanished"}


def test_the_image_after_a_faulty_one_is_compared_with_the_one_before_it() -> None:
    values = rain()
    values[4] = 0
    values[7] = np.where(values[7] > 0, values[7] + 15, 0)
    assert list(kinds(values)) == [4, 7]


def test_a_first_image_that_is_empty_is_given_up_when_rain_lasts() -> None:
    values = rain()
    values[0] = 0
    frames = Frames.of_array(values, step_minutes=STEP, km_per_pixel=1)
    assert examine(frames[:2]).believed == (0,)
    for count in range(3, 11):
        assert examine(frames[:count]).believed == tuple(range(1, count))


@pytest.mark.parametrize(("step", "doubted"), [(5, 3), (10, 2), (2, 5)])
def test_a_change_that_lasts_is_believed(step: int, doubted: int) -> None:
    values = rain(count=20)
    values[9:] = 0
    frames = Frames.of_array(values, step_minutes=step, km_per_pixel=2)
    for empty in range(1, 10):
        examination = examine(frames[empty - 1 : 9 + empty])
        believed = range(10 - empty) if empty <= doubted else range(10 - empty, 10)
        assert examination.believed == tuple(believed)


def test_a_feed_that_repeats_one_image_is_found_however_long() -> None:
    values = np.repeat(rain()[:1], 10, 0)
    for count in range(2, 11):
        assert kinds(values[:count])[count - 1] == "frozen"


@pytest.mark.parametrize("missing", [False, True])
def test_one_repeated_image_is_found(missing: bool) -> None:
    values = rain()
    if missing:
        values[:, 70:] = np.nan
    values[5] = values[4]
    assert kinds(values) == {5: "frozen"}


def test_dry_images_repeat_themselves_and_so_do_single_pixels() -> None:
    values = np.zeros((10, SIDE, SIDE), np.float32)
    values[:, 30, 30:40] = 50  # a mast
    assert kinds(values) == {}
    assert kinds(np.full_like(values, np.nan)) == {}


def test_a_doubt_says_what_was_found_and_what_is_possible() -> None:
    values = rain()
    values[-1] = 0
    frames = Frames.of_array(values, step_minutes=STEP, km_per_pixel=1)
    doubt = examine(frames).doubts[9]
    assert doubt.since == frames.times[8]
    assert doubt.text.startswith("9")
    assert f"% of the rain of {frames.times[8].isoformat()}, 5 minutes before" in doubt.text
    assert "are possible" in doubt.text


def test_nothing_can_be_said_of_a_grid_that_rain_crosses_in_a_step() -> None:
    for side, step in ((16, 5), (16, 60), (40, 30)):
        values = np.random.default_rng(1).uniform(0, 60, (10, side, side)).astype(np.float32)
        values[-1] = 0
        assert kinds(values, step) == {}
    frames = Frames.of_array(rain(1), step_minutes=STEP, km_per_pixel=1)
    assert examine(frames, timedelta(0)).believed == (0,)
