"""Random rain texture carried along by a drifting, turning wind, for synthetic storms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray

GRAIN_KM, GRAIN_EXPONENT = 1.5, 1.6
GRAIN_DB = 2.5
GRAIN_LIFE_HOURS = 6 / 60  # half of what is seen at 1 to 2 km is gone sooner


@dataclass(frozen=True)
class Scale:
    """What a step and a pixel are worth."""

    step_minutes: float
    pixel_km: float

    @property
    def pixels_per_step(self) -> float:
        """Pixels travelled in one step at 1 m/s."""
        return 0.06 * self.step_minutes / self.pixel_km


@dataclass(frozen=True)
class Wind:
    """Motion of everything: drift plus a slow turn about the centre of the grid."""

    drift: NDArray[np.float64]  # pixels per step, (y, x)
    turn: float  # radians per step

    def carry(self, points: NDArray[np.float64], step: float) -> NDArray[np.float64]:
        """Where points (n, 2), relative to the centre, are after ``step`` steps."""
        return points @ rotation(self.turn * step).T + self.drift * step


@dataclass(frozen=True)
class Texture:
    """Periodic random fields in pairs between which the weather wanders: wide, fine, sway.

    Args:
        fields: The pairs.
        grain: Fields of the smallest scales, one for every time of their short life.
        grain_hours: Time from one of them to the next.
    """

    fields: tuple[FloatArray, ...]
    grain: tuple[FloatArray, ...]
    grain_hours: float

    @classmethod
    def draw(cls, random: np.random.Generator, side: int, frames: int, scale: Scale) -> Self:
        """Fields a little wider than the grid, so that nothing is seen twice."""
        size = 2 ** int(np.ceil(np.log2(side * 1.2)))
        lengths_and_exponents = [(25, 3.2)] * 2 + [(6, 2.2)] * 2 + [(6, 4.0)] * 2
        fields = [_noise(random, size, a / scale.pixel_km, b) for a, b in lengths_and_exponents]
        hours = frames * scale.step_minutes / 60
        lives = int(np.ceil(hours / GRAIN_LIFE_HOURS)) + 1
        (apart,) = random.spawn(1)
        longest = GRAIN_KM / scale.pixel_km
        grain = [_noise(apart, size, longest, GRAIN_EXPONENT) for _ in range(lives)]
        return cls(tuple(fields), tuple(grain), GRAIN_LIFE_HOURS)

    def at(
        self, hours: float, wind: Wind, step: int, shape: tuple[int, int]
    ) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
        """Wide rain (dBZ), fine grain (dBZ) and displacement (pixels), carried by the wind."""
        wide = 10 * _mix(self.fields[0], self.fields[1], hours / 2.5)
        fine = 2.5 * _mix(self.fields[2], self.fields[3], hours / 0.6) + self._grain_at(hours)
        carried = [_carried(field, wind, step, shape) for field in (wide, fine, *self.fields[4:])]
        return carried[0], carried[1], (3 * carried[2], 3 * carried[3])

    def _grain_at(self, hours: float) -> FloatArray:
        """The smallest scales (dBZ), which are others a few minutes later."""
        life, age = divmod(hours / self.grain_hours, 1)
        first, second = self.grain[int(life)], self.grain[int(life) + 1]
        return GRAIN_DB * _mix(first, second, age * np.pi / 2)


def _noise(random: np.random.Generator, size: int, longest: float, exponent: float) -> FloatArray:
    """Periodic random field (size, size), mean 0, variance 1, power ~ wavenumber^-exponent.

    Waves longer than about ``2 pi longest`` pixels have no more power than those at it.
    """
    wave = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    amplitude = (wave**2 + (0.16 / longest) ** 2) ** (-(exponent + 1) / 4)
    amplitude[0, 0] = 0
    spectrum = np.fft.rfft2(random.standard_normal((size, size), dtype=np.float32))
    field = np.fft.irfft2(spectrum * amplitude.astype(np.float32), (size, size))
    return np.asarray(field / field.std(), dtype=np.float32)


def _mix(first: FloatArray, second: FloatArray, phase: float) -> FloatArray:
    """A field that wanders from the first of a pair to the second, its variance kept."""
    mixed = first * np.float32(np.cos(phase)) + second * np.float32(np.sin(phase))
    return np.asarray(mixed, dtype=np.float32)


def _carried(texture: FloatArray, wind: Wind, step: int, shape: tuple[int, int]) -> FloatArray:
    """The periodic texture after ``step`` steps of wind, cut to (height, width)."""
    back = rotation(-wind.turn * step)
    centre = (np.array(shape) - 1) / 2
    offset = back @ -(centre + wind.drift * step) + centre
    matrix = np.array([[back[1, 1], back[1, 0], offset[1]], [back[0, 1], back[0, 0], offset[0]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    carried = cv2.warpAffine(
        texture, matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_WRAP
    )
    return np.asarray(carried, dtype=np.float32)


def rotation(angle: float) -> NDArray[np.float64]:
    """The 2x2 matrix that turns (y, x) by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
