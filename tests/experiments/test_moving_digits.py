"""Moving digits move straight, bounce, and become windows that a network is trained on."""

import gzip
import struct

import numpy as np
import pytest

from echocast.model.errors import UnreadableInput
from echocast.model.network.config import NetworkConfig
from echocast.model.training.config import TrainingConfig
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.windows import WindowStore
from experiments.moving_digits import drawn_digits, read_digits, sequence, window


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_lone_dot_moves_straight_and_stays_inside(rng):
    dots = np.full((1, 1, 1), 255, np.uint8)
    for _ in range(20):
        video = sequence(dots, rng)
        assert video.shape == (20, 64, 64)
        assert set(video.sum((1, 2)).tolist()) <= {1.0, 2.0}  # both, or one upon the other


def test_digits_keep_their_pace_and_bounce(rng):
    """The middle of two equal digits moves by their mean velocity, a tenth of 36 pixels at most."""
    digit = np.zeros((1, 28, 28), np.uint8)
    digit[0, 6:22, 6:22] = 255
    steps = []
    for _ in range(20):
        video = sequence(digit, rng)
        middles = [(np.indices(f.shape) * f).sum((1, 2)) / f.sum() for f in video]
        steps += [np.hypot(*step) for step in np.diff(middles, axis=0)]
    assert max(steps) <= 3.6 + 1.5  # and rounding
    assert np.mean(steps) > 1


def test_drawn_digits_differ_and_fill_their_frame(rng):
    digits = drawn_digits(40, rng)
    assert digits.shape == (40, 28, 28)
    assert len({digit.tobytes() for digit in digits}) == 40
    inked = (digits > 127).mean((1, 2))
    assert 0.02 < inked.min() <= inked.max() < 0.5


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_digits_come_from_an_idx_file(pack, tmp_path, rng):
    digits = rng.integers(0, 255, (3, 28, 28), dtype=np.uint8)
    content = struct.pack(">4I", 0x803, 3, 28, 28) + digits.tobytes()
    (tmp_path / "images").write_bytes(pack(content))
    assert np.array_equal(read_digits(tmp_path / "images"), digits)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PNG", "IDX file"),
        (b"\x1f\x8b, not gzip at all", "IDX file"),
        (struct.pack(">4I", 0x801, 3, 1, 1) + b"abc", "IDX file"),
        (struct.pack(">4I", 0x803, 3, 28, 28) + b"abc", "announces"),
    ],
)
def test_another_file_is_refused(content, message, tmp_path):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(UnreadableInput, match=message):
        read_digits(tmp_path / "images")


def test_a_network_is_trained_on_windows_of_digits(rng, tmp_path):
    videos = [sequence(drawn_digits(10, rng), rng) for _ in range(2)]
    store = WindowStore.save(tmp_path / "windows", [window(video) for video in videos])
    network = NetworkConfig(layers=2, hidden_channels=4, kernel=3, patch=8)
    config = TrainingConfig(network, steps=4, batch=2, brightness_dbz=0.0, peak_rate=1e-2)
    sampler, run = Sampler([store], config), Run(config, tmp_path / "run")
    batch = sampler.batch(0)
    assert batch.frames.shape == (2, 20, 1, 64, 64)
    shown = np.sort(batch.frames.numpy().reshape(2, -1), axis=1)
    known = np.sort(np.stack(videos).reshape(2, -1), axis=1)
    assert any(np.allclose(shown[0], video, atol=0.003) for video in known)
    losses = [run.advance(batch).loss for _ in range(4)]
    assert losses[-1] < losses[0]
