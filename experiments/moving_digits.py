"""Moving digits: two digits that bounce about in a square, the usual test of video prediction.

After Srivastava et al. (ICML 2015): digits of 28 x 28 pixels move at one speed, each in a direction
of its own, through frames of 64 x 64, and turn back at the edges; where they overlap the brighter
one is seen. Digits come from an IDX file that the caller points at (the format of MNIST), or are
drawn here: letters of OpenCV's fonts, turned, sheared and of varied thickness.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import UnreadableInput
from echocast.model.grid import FloatArray
from echocast.model.network.network import SCALE_DBZ
from echocast.model.training.windows import LENGTH, WindowInfo, to_counts

Bytes = NDArray[np.uint8]

GZIP = b"\x1f\x8b"
IDX_IMAGES = 0x00000803  # bytes in three dimensions
DIGIT, FRAME = 28, 64  # pixels
SPEED = 0.1  # of the way across, per step
FRAMES, INPUTS = 20, 10
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)


def read_digits(path: Path) -> Bytes:
    """The images of an IDX file, perhaps gzipped.

    Args:
        path: E.g. ``train-images-idx3-ubyte.gz``.

    Returns:
        (digit, rows, columns).

    Raises:
        UnreadableInput: It is not an IDX file of images, or is cut short.
    """
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == GZIP else content
        magic, *shape = struct.unpack(">4I", content[:16])
    except (OSError, EOFError, zlib.error, struct.error):
        magic = None
    if magic != IDX_IMAGES:
        raise UnreadableInput(f"{path.name} must be an IDX file of images, but it is not.")
    if len(content) != 16 + shape[0] * shape[1] * shape[2]:
        raise UnreadableInput(f"{path.name} does not hold the {shape} bytes that it announces.")
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)


def drawn_digits(count: int, rng: np.random.Generator) -> Bytes:
    """Digits of our own, (count, 28, 28)."""
    return np.stack([_drawn(str(int(rng.integers(10))), rng) for _ in range(count)])


def _drawn(digit: str, rng: np.random.Generator) -> Bytes:
    font, thickness = FONTS[rng.integers(len(FONTS))], int(rng.integers(1, 4))
    scale = rng.uniform(0.75, 1.0)
    (width, height), _ = cv2.getTextSize(digit, font, scale, thickness)
    corner = (DIGIT - width) // 2, (DIGIT + height) // 2
    glyph = np.zeros((DIGIT, DIGIT), np.uint8)
    cv2.putText(glyph, digit, corner, font, scale, 255, thickness, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((DIGIT / 2, DIGIT / 2), rng.uniform(-20, 20), 1.0)
    turn[0, 1] += (shear := rng.uniform(-0.25, 0.25))
    turn[0, 2] -= shear * DIGIT / 2
    warped: Bytes = cv2.warpAffine(glyph, turn, (DIGIT, DIGIT))
    return warped


def sequence(digits: Bytes, rng: np.random.Generator, frames: int = FRAMES) -> FloatArray:
    """One sequence of two digits.

    Args:
        digits: To choose from, (digit, rows, columns), each side less than 64.
        rng: Chooses digits, places and directions.
        frames: How many.

    Returns:
        (frames, 64, 64), 0 to 1.
    """
    video = np.zeros((frames, FRAME, FRAME), np.float32)
    for digit in digits[rng.integers(len(digits), size=2)]:
        rows, columns = digit.shape
        for frame, (y, x) in zip(video, _path(frames, rng), strict=True):
            top, left = round(y * (FRAME - rows)), round(x * (FRAME - columns))
            part = frame[top : top + rows, left : left + columns]
            np.maximum(part, digit / np.float32(255), out=part)
    return video


def _path(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 2) from 0 to 1: a straight line, folded at the edges."""
    angle = rng.uniform(0, 2 * np.pi)
    step = SPEED * np.array([np.sin(angle), np.cos(angle)])
    straight = rng.random(2) + step * np.arange(frames)[:, None]
    folded: NDArray[np.float64] = 1 - np.abs(straight % 2 - 1)
    return folded


def window(video: FloatArray, event: str = "digits") -> tuple[Bytes, WindowInfo]:
    """A sequence as a training window: no rain, no motion, no base.

    Args:
        video: (20, 64, 64), 0 to 1.
        event: What the window is said to be extracted from.
    """
    counts = np.zeros((LENGTH, *video.shape[1:]), np.uint8)
    counts[: len(video)] = to_counts(video * np.float32(SCALE_DBZ))
    return counts, WindowInfo(event, 1.0, 1.0, INPUTS, len(video) - INPUTS)
