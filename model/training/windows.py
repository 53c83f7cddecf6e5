"""Training windows: short sequences of crops, extracted from events where it rains.

A window is the input of a network and the answer that it should give. For a Lagrangian one: the
input frames carried forward along the motion to the reference time, the later frames carried back
to it, and then the base of each later frame, scale-damped extrapolation of the whole field that the
crop was extracted from. For an Eulerian one: the frames as they are, and the bases carried out
along the motion. A window is extracted from one event at one reference time. Windows are stored as
bytes, 0.3 dBZ a count, 255 for missing, so that many fit in memory; a JSON file beside them says
what each one is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Self, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ModelError
from echocast.model.extrapolation.motion import carry, estimate_motion, trajectories
from echocast.model.extrapolation.sprog import PROCESSES, damped
from echocast.model.grid import FloatArray
from echocast.model.network.config import Base, Coordinates, NetworkConfig

DBZ_PER_COUNT = 0.3
MISSING_COUNT = 255
CLUTTER_CAP_DBZ = 60.0  # echoes above are clutter or hail; neither teaches rain
SPECK_DBZ = 15.0  # a pixel this far above the median of its neighbourhood is a speck
LENGTH = 30  # planes a stored window has room for
WEIGHTED_FROM_DBZ = 15.0


@dataclass(frozen=True)
class WindowInfo:
    """What a stored window is.

    Args:
        event: Name of the event it was extracted from.
        step_minutes: Time between its frames.
        pixel_km: Side of its pixels.
        inputs: Input frames; they end at index ``inputs - 1``.
        outputs: Frames after them, and bases after those.
        coordinates: Of the networks that it teaches.
        base: What its bases are.
    """

    event: str
    step_minutes: float
    pixel_km: float
    inputs: int
    outputs: int
    coordinates: Coordinates = "lagrangian"
    base: Base = "aperiodic"


@dataclass(frozen=True)
class CropConfig:
    """How crops lie in the frames that they are extracted from.

    Args:
        coordinates: ``lagrangian``: frames are aligned along the motion; ``eulerian``: as they are.
        drift: Eulerian crops move at a random velocity, up to so many pixels a step along each axis
            (Galilean crops). Aligned ones can't: alignment takes any common velocity out again.
        base: What the network adds to, beside the later frames.

    Raises:
        ModelError: A drift below 0, or in Lagrangian coordinates; a base that is no continuation.
    """

    coordinates: Coordinates = "lagrangian"
    drift: float = 0.0
    base: Base = "aperiodic"

    def __post_init__(self) -> None:
        if self.coordinates not in get_args(Coordinates):
            raise ModelError(
                f"Coordinates are one of {', '.join(get_args(Coordinates))}, not"
                f" {self.coordinates!r}."
            )
        if self.base not in PROCESSES:
            raise ModelError(f"A base is one of {', '.join(PROCESSES)}, not {self.base!r}.")
        if not 0 <= self.drift < inf:
            raise ModelError(f"The drift of crops is 0 or more pixels a step, not {self.drift}.")
        if self.drift and self.coordinates == "lagrangian":
            raise ModelError(
                "Crops drift in eulerian coordinates only: alignment takes a drift out again."
            )

    @classmethod
    def of(cls, network: NetworkConfig) -> Self:
        """The crops for a network; one that adds to the newest frame reads no bases."""
        base: Base = "aperiodic" if network.base == "newest" else network.base
        return cls(network.coordinates, base=base)


ALIGNED = CropConfig()


def clean(frames_dbz: FloatArray) -> FloatArray:
    """Without specks and with echoes capped at 60 dBZ; dry is 0, missing stays NaN.

    Args:
        frames_dbz: (time, height, width) in dBZ, NaN where missing.

    Returns:
        The same shape.
    """
    valid = np.isfinite(frames_dbz)
    capped = np.clip(np.nan_to_num(frames_dbz, nan=0.0), 0, CLUTTER_CAP_DBZ)
    median = np.stack([cv2.medianBlur(frame, 3) for frame in capped])
    quiet = np.where(capped - median > SPECK_DBZ, median, capped)
    return np.where(valid, quiet, np.nan).astype(np.float32)


def aligned(frames_dbz: FloatArray, inputs: int) -> FloatArray:
    """Frames carried along the motion to the time of the last input.

    Inputs are interpolated as a nowcaster does; later frames keep their values (nearest pixel), so
    that the target's heavy rain is not smoothed away.

    Args:
        frames_dbz: (time, height, width) in dBZ, NaN where missing.
        inputs: Frames that count as inputs; the motion is found on them alone.

    Returns:
        The same shape, every frame as seen by an observer who moves with the rain.
    """
    motion = estimate_motion(frames_dbz[:inputs])
    moved = frames_dbz.copy()
    back = trajectories(motion)
    for index in range(inputs - 2, -1, -1):
        moved[index] = carry(frames_dbz[index], next(back))
    ahead = trajectories(motion, forward=True)
    for index in range(inputs, len(frames_dbz)):
        at = next(ahead)
        moved[index] = cv2.remap(
            frames_dbz[index],
            at.x,
            at.y,
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float("nan"),
        )
    return moved


def to_counts(frames_dbz: FloatArray) -> NDArray[np.uint8]:
    """dBZ as bytes; 255 where missing."""
    counts = np.clip(np.round(np.nan_to_num(frames_dbz, nan=0.0) / DBZ_PER_COUNT), 0, 254)
    return np.where(np.isnan(frames_dbz), MISSING_COUNT, counts).astype(np.uint8)


def from_counts(counts: NDArray[np.uint8]) -> FloatArray:
    """Bytes as dBZ, NaN where missing. Inverse: :func:`to_counts`."""
    dbz = counts.astype(np.float32) * np.float32(DBZ_PER_COUNT)
    dbz[counts == MISSING_COUNT] = np.nan
    return dbz


def crop_weights(moved_dbz: FloatArray, size: int, stride: int) -> NDArray[np.float64]:
    """How much there is to learn in each candidate crop: rain now and later, heavy rain most.

    Returns:
        (rows, columns) of candidates whose corners lie ``stride`` pixels apart.
    """
    rain = np.nan_to_num(moved_dbz, nan=0.0)
    value = (np.clip(rain - WEIGHTED_FROM_DBZ, 0, None) ** 2).mean(0)
    value[np.isnan(moved_dbz).any(0)] *= 0.25
    box = cv2.boxFilter(value, -1, (size, size), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    height, width = value.shape
    box = np.clip(box, 0, None)
    box = box[: height - size + 1 : stride, : width - size + 1 : stride]
    root: NDArray[np.float64] = np.sqrt(box)
    return root


def extract_crops(
    frames_dbz: FloatArray,
    inputs: int,
    count: int,
    size: int,
    rng: np.random.Generator,
    crop: CropConfig = ALIGNED,
) -> Iterator[NDArray[np.uint8]]:
    """Crops of one sequence, the rainier the likelier; at the last input they lie alike.

    Args:
        frames_dbz: (time, height, width) in dBZ, cleaned, NaN where missing.
        inputs: Frames that count as inputs.
        count: Crops at most; fewer where little rain is.
        size: Side of a crop in pixels.
        rng: Chooses the crops, and how they move.
        crop: Whether frames are aligned, and how fast crops may move.

    Yields:
        (time + later, size, size) counts: the frames, and the bases of the later ones.
    """
    later = len(frames_dbz) - inputs
    moved = aligned(frames_dbz, inputs)
    corners = rainy_corners(moved, count, size, rng)
    if not corners:
        return
    bases = damped(moved[:inputs], later, crop.base)
    if crop.coordinates == "eulerian":
        ahead = trajectories(estimate_motion(frames_dbz[:inputs]))
        moved, bases = frames_dbz, np.stack([carry(base, next(ahead)) for base in bases])
    planes = np.concatenate([moved, bases])
    times = np.concatenate([np.arange(len(moved)), np.arange(inputs, len(moved))]) - (inputs - 1)
    for corner in corners:
        velocity = rng.uniform(-crop.drift, crop.drift, 2) if crop.drift else np.zeros(2)
        places = np.rint(corner + times[:, None] * velocity).astype(int)
        yield to_counts(np.stack([_crop(*part, size) for part in zip(planes, places, strict=True)]))


def _crop(plane: FloatArray, corner: NDArray[np.int_], size: int) -> FloatArray:
    """A square of a plane, NaN beyond its edges."""
    part = np.full((size, size), np.nan, np.float32)
    begin, end = np.maximum(corner, 0), np.clip(corner + size, 0, plane.shape)
    if (begin < end).all():
        (top, left), (bottom, right) = begin - corner, end - corner
        part[top:bottom, left:right] = plane[begin[0] : end[0], begin[1] : end[1]]
    return part


def rainy_corners(
    moved_dbz: FloatArray, count: int, size: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Rows and columns where crops of an aligned sequence begin, the rainier the likelier."""
    stride = size // 3
    chances = crop_weights(moved_dbz, size, stride)
    wet = int((chances > 0.5).sum())
    if wet == 0:
        return []
    flat = np.where(chances > 0.5, chances, 0).ravel()
    chosen = rng.choice(flat.size, size=min(count, wet), replace=False, p=flat / flat.sum())
    rows, columns = np.unravel_index(chosen, chances.shape)
    return [(int(y) * stride, int(x) * stride) for y, x in zip(rows, columns, strict=True)]


class WindowStore:
    """Stored windows, memory-mapped.

    Args:
        counts: (window, 30, size, size) bytes; planes beyond a window's are missing.
        infos: What each window is.
    """

    def __init__(self, counts: NDArray[np.uint8], infos: Sequence[WindowInfo]) -> None:
        self.counts = counts
        self.infos = tuple(infos)

    def __len__(self) -> int:
        return len(self.infos)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The windows that :meth:`save` wrote.

        Raises:
            ModelError: There are none, or another version extracted them, without the bases.
        """
        if not (directory / "windows.json").exists():
            raise ModelError(
                f"There are no windows in {directory}; `echocast train windows` extracts some."
            )
        infos = [
            WindowInfo(**{"base": "damped", **info})
            for info in json.loads((directory / "windows.json").read_text())
        ]
        counts = np.load(directory / "windows.npy", mmap_mode="r", allow_pickle=False)
        if counts.shape[1] != LENGTH:
            raise ModelError(f"The windows in {directory} hold no bases; extract them again.")
        return cls(counts, infos)

    @classmethod
    def save(cls, directory: Path, windows: Sequence[tuple[NDArray[np.uint8], WindowInfo]]) -> Self:
        """Write windows to ``directory`` and open them.

        Raises:
            ModelError: There are none.
        """
        if not windows:
            raise ModelError("There are no windows to write: it rains nowhere, or too shortly.")
        directory.mkdir(parents=True, exist_ok=True)
        size = windows[0][0].shape[-1]
        counts = np.full((len(windows), LENGTH, size, size), MISSING_COUNT, np.uint8)
        for index, (window, _) in enumerate(windows):
            counts[index, : len(window)] = window
        np.save(directory / "windows.npy", counts)
        infos = [asdict(info) for _, info in windows]
        (directory / "windows.json").write_text(json.dumps(infos))
        return cls.load(directory)
