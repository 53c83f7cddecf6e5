from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from echocast.model.contract import InputContract, check_frames, split
from echocast.model.errors import ContractViolation, InputTooLarge
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.workers.streams.stream import Origin

CONTRACT = InputContract()
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW = START + timedelta(days=1)


def made(count=20, *, side=16, minutes=None, value=20.0) -> Frames:
    minutes = minutes or [5 * index for index in range(count)]
    times = tuple(START + timedelta(minutes=m) for m in minutes)
    values = np.full((len(minutes), side, side), value, np.float32)
    return Frames(values, times, Grid.of_pixels(side, side))


def refusal(frames: Frames, **arguments) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        split(frames, 10, CONTRACT, now=NOW, **arguments)
    return caught.value


def test_the_newest_ten_are_the_input_by_default():
    inputs, observed = split(made(20), 10, CONTRACT, now=NOW)
    assert inputs.times == made(20).times[10:]
    assert observed is None


def test_the_reference_time_picks_the_newest_frame_at_or_before_it():
    frames = made(20)
    reference = frames.times[9] + timedelta(minutes=3)
    inputs, observed = split(frames, 10, CONTRACT, reference, NOW)
    assert inputs.times == frames.times[:10]
    assert observed is not None
    assert observed.times == frames.times[10:]


def test_nine_frames_are_too_few():
    error = refusal(made(9))
    assert error.rule == "frame-count"
    assert "at least 10 frames" in str(error)
    assert "there are 9" in str(error)


def test_a_reference_time_before_ten_frames_is_too_early():
    error = refusal(made(20), reference_time=START + timedelta(minutes=40))
    assert error.rule == "frame-count"
    assert "2026-07-01T12:40:00" in str(error)


def test_uneven_times_are_refused_where_they_are_uneven():
    error = refusal(made(minutes=[0, 5, 10, 15, 21, 25, 30, 35, 40, 45]))
    assert error.rule == "step"
    assert "6 minutes lie between 2026-07-01T12:15:00" in str(error)


def test_a_tenth_of_a_step_of_jitter_is_even_enough():
    split(made(minutes=[0, 5, 10.4, 15, 20, 25, 30, 35, 40, 45]), 10, CONTRACT, now=NOW)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("step_minutes", [2, 5, 6, 10, 15])
def test_jitter_that_a_stream_accepts_is_read_as_its_places(seed: int, step_minutes: int):
    """Times up to a tenth of a step from their places, as a stream would put them there."""
    step = timedelta(minutes=step_minutes)
    jitter = np.random.default_rng(seed).uniform(-0.099, 0.099, 12) * step_minutes
    jitter[[3, 4]] = [0.099 * step_minutes, -0.099 * step_minutes]  # gaps of 0.8 and 1.1 steps
    frames = made(minutes=list(np.arange(12) * step_minutes + jitter))
    origin = Origin.of_frame(frames.grid, frames.times[0], step)
    places = tuple(origin.place(time, step) for time in frames.times)
    reference = frames.times[9]
    inputs, observed = split(frames, 10, CONTRACT, reference, NOW)
    assert inputs.times == places[:10]
    assert inputs.step == step
    assert inputs.reflectivity_dbz is not None
    np.testing.assert_array_equal(inputs.reflectivity_dbz, frames.reflectivity_dbz[:10])
    assert f"read as every {step_minutes} minutes" in inputs.notes["time"]
    assert observed is not None
    assert observed.times == frames.times[10:]


def test_a_rhythm_beside_whole_steps_is_one():
    minutes = [2.2, 7.6, 12, 17.4, 22, 27.1, 32.4, 37, 42.5, 46.6]  # every five, from 12:02:05
    inputs, _ = split(made(minutes=minutes), 10, CONTRACT, now=NOW)
    assert inputs.step == timedelta(minutes=5)
    assert "jitter by up to" in inputs.notes["time"]


def test_even_times_are_left_alone():
    frames = made(minutes=[0, 5, 10.4, 15, 20, 25, 30, 35, 40, 45])
    inputs, _ = split(frames, 10, CONTRACT, now=NOW)
    assert inputs.times == frames.times
    assert inputs.notes == {}


def test_gaps_before_the_input_and_among_observations_do_not_matter():
    minutes = [0, 50, *range(100, 150, 5), 170, 300]
    inputs, observed = split(
        made(minutes=minutes), 10, CONTRACT, START + timedelta(minutes=145), NOW
    )
    assert len(inputs) == 10
    assert observed is not None
    assert len(observed) == 2


def test_missing_share_is_judged_by_frame():
    frames = made(10)
    values = frames.reflectivity_dbz.copy()
    values[4, :15] = np.nan
    error = refusal(frames.with_values(values, frames.times))
    assert error.rule == "missing-share"
    assert "93.8% of the frame of 2026-07-01T12:20:00" in str(error)


def test_all_dry_is_a_valid_input():
    inputs, _ = split(made(10, value=0.0), 10, CONTRACT, now=NOW)
    assert len(inputs) == 10


@pytest.mark.parametrize("value", [-70.5, 95.5, 200.0])
def test_values_of_another_unit_are_refused(value):
    frames = made(10)
    values = frames.reflectivity_dbz.copy()
    values[3, 7, 5] = value
    error = refusal(frames.with_values(values, frames.times))
    assert error.rule == "range"
    assert f"frame 3 holds {value:g} dBZ at row 7, column 5; wrong units?" in str(error)


@pytest.mark.parametrize("value", [-45.0, -64.0, -70.0])
def test_clear_air_is_a_valid_input(value):
    inputs, _ = split(made(10, value=value), 10, CONTRACT, now=NOW)
    assert (inputs.reflectivity_dbz == value).all()


def test_a_small_grid_is_refused():
    error = refusal(made(10, side=8))
    assert error.rule == "grid-size"
    assert "8 x 8" in str(error)


def test_the_future_is_refused():
    with pytest.raises(ContractViolation, match="more than 60 s in the future") as caught:
        split(made(10), 10, CONTRACT, now=START)
    assert caught.value.rule == "future"


def test_a_clock_that_is_a_minute_slow_is_forgiven():
    frames = made(10)
    split(frames, 10, CONTRACT, now=frames.times[-1] - timedelta(seconds=60))


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((10, 10_000, 16), "pixels along a side"),
        ((10, 8000, 8000), "pixels a frame"),
        ((5000, 16, 16), "frames"),
        ((100, 4000, 4000), "pixels in all frames"),
    ],
)
def test_claims_above_the_limits_are_too_large(shape, what):
    with pytest.raises(InputTooLarge, match=what) as caught:
        CONTRACT.check_size(shape, "The file")
    assert caught.value.rule == "too-large"


def test_ten_of_the_largest_frames_are_allowed():
    CONTRACT.check_size((10, 4000, 8000), "The file")


def test_no_file_compresses_gigabytes_into_kilobytes():
    with pytest.raises(InputTooLarge, match="no file compresses that well"):
        CONTRACT.check_claim(10**9, 8000, "The file")
    CONTRACT.check_claim(10**9, 10**6, "The file")


def test_observations_are_checked_like_input():
    with pytest.raises(ContractViolation, match="wrong units"):
        check_frames(made(1, value=120.0), CONTRACT, NOW)
