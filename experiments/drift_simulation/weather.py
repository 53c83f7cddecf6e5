"""Made-up weather in small frames: regimes that follow one another, rain that moves and changes.

Two random fields, wide and fine, move with the wind; every wave of them forgets what it was after
a time that grows with its length, so what may be forecast differs from regime to regime. Over the
same hills rain always grows, in their lee it decays: that may be learned. Fields are periodic on a
wider square than the frame: rain enters from outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray

Spectra = NDArray[np.complex64]
SIDE, ROUND = 64, 96  # pixels of a frame; of the square on which the fields are periodic
STEP_MINUTES = 20.0
PIXEL_KM = 2.0
WEAKEST_DBZ, STRONGEST_DBZ = 5.0, 60.0
NOISE_DBZ = 2.0  # of one pixel in one frame: what the radar adds
HILLS_DBZ, HILLS_PIXELS = 4.0, 5.0  # what the hills add, and how wide they are
SETTLING_HOURS = 3.0  # in which one regime passes into the next


@dataclass(frozen=True)
class Regime:
    """A kind of weather.

    Args:
        level_dbz: Mean of the field before what is weaker than an echo is cut off.
        wide_dbz: Standard deviation of its wide part.
        fine_dbz: Standard deviation of its fine part.
        lifetime_minutes: After which a wave 20 km long has forgotten itself.
        speed_m_s: Of the wind.
    """

    level_dbz: float
    wide_dbz: float
    fine_dbz: float
    lifetime_minutes: float
    speed_m_s: float

    def towards(self, other: Self, share: float) -> Regime:
        """The regime a share of the way to another."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Regime(*(mine + share * (theirs - mine) for mine, theirs in pairs))


DRY = Regime(-28, 8, 3, 40, 8)
STRATIFORM = Regime(10, 10, 4, 90, 12)
SHOWERS = Regime(0, 8, 12, 40, 9)
CONVECTION = Regime(2, 13, 13, 30, 12)
REGIMES = (DRY, STRATIFORM, SHOWERS, CONVECTION)
FOLLOWS = np.array([[0, 5, 3, 2], [5, 0, 3, 2], [5, 3, 0, 2], [4, 3, 3, 0]]) / 10.0
MEAN_HOURS = (16.0, 10.0, 9.0, 7.0)
HARD = Regime(0, 10, 17, 12, 18)  # short-lived cells in a strong wind
EASY = Regime(13, 13, 3, 240, 6)  # long-lived wide rain


class Moment(NamedTuple):
    """The weather of one time: reflectivity in dBZ, (height, width); wind in pixels a step."""

    rain_dbz: FloatArray
    wind: NDArray[np.float64]


class Weather:
    """Weather as it goes on; the same seed gives the same.

    Args:
        seed: Of everything that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._rows = np.fft.fftfreq(ROUND).astype(np.float32)[:, None]
        self._columns = np.fft.rfftfreq(ROUND).astype(np.float32)[None]
        wave = np.hypot(self._rows, self._columns)
        self._ages = np.maximum(wave * 20 / PIXEL_KM, 0.1) ** 0.8  # of a wave 20 km long: 1
        self._hills = _hills()
        self._amplitudes = np.stack([_amplitude(wave, 14.0, 3.4), _amplitude(wave, 3.0, 2.6)])
        self._spectra = self._draw()
        self._index, self._left_hours = 0, 0.0
        self._regime: Regime = DRY
        self._heading = float(self._random.uniform(0, 2 * np.pi))

    def step(
        self, imposed: Regime | None = None, change: float = 0.0, gain_db: float = 0.0
    ) -> Moment:
        """The next moment, one step later.

        Args:
            imposed: Weather that holds instead of what would come.
            change: How far the season has gone: 0 as ever, 1 showery with short lives, and the rain
                grows in the lee of the hills.
            gain_db: How much too strong the radar shows everything.
        """
        hours = STEP_MINUTES / 60
        target = self._due(hours) if imposed is None else imposed
        target = _of_season(target, change)
        self._regime = self._regime.towards(target, 1 - np.exp(-hours / SETTLING_HOURS))
        self._heading += float(self._random.normal(0, 0.25 * np.sqrt(hours)))
        speed = self._regime.speed_m_s * 0.06 * STEP_MINUTES / PIXEL_KM
        wind = speed * np.array([np.sin(self._heading), np.cos(self._heading)])
        self._spectra = self._carried(wind)
        wide, fine = np.fft.irfft2(self._spectra, (ROUND, ROUND))[:, :SIDE, :SIDE]
        now = self._regime
        rain = now.level_dbz + now.wide_dbz * wide + now.fine_dbz * fine
        rain += (1 - 2 * change) * self._hills
        rain += np.float32(NOISE_DBZ) * self._random.standard_normal(rain.shape, np.float32)
        return Moment(displayed(rain + gain_db), wind)

    def _due(self, hours: float) -> Regime:
        self._left_hours -= hours
        if self._left_hours <= 0:
            self._index = int(self._random.choice(len(REGIMES), p=FOLLOWS[self._index]))
            self._left_hours = float(self._random.exponential(MEAN_HOURS[self._index]))
            self._changed = self._random.normal(0, 1, 3)
        level, lifetime, speed = self._changed
        kind = REGIMES[self._index]
        return Regime(
            kind.level_dbz + 2.5 * level,
            kind.wide_dbz,
            kind.fine_dbz,
            kind.lifetime_minutes * np.exp(0.25 * lifetime),
            kind.speed_m_s * np.exp(0.3 * speed),
        )

    def _carried(self, wind: NDArray[np.float64]) -> Spectra:
        """Both fields one step on: moved, in part forgotten, renewed."""
        rows, columns = (
            np.exp(np.complex64(-2j * np.pi * speed) * waves)
            for speed, waves in zip(wind, (self._rows, self._columns), strict=True)
        )
        retained = np.exp(-STEP_MINUTES / self._regime.lifetime_minutes * self._ages)
        moved = retained * (rows * columns) * self._spectra
        return np.asarray(moved + np.sqrt(1 - retained**2) * self._draw())

    def _draw(self) -> Spectra:
        parts = self._random.standard_normal((2, *self._amplitudes.shape), np.float32)
        return np.asarray((parts[0] + np.complex64(1j) * parts[1]) * self._amplitudes)


def _amplitude(wave: FloatArray, longest: float, slope: float) -> FloatArray:
    """Of a field with variance 1; waves longer than about ``2 pi longest`` pixels are equal."""
    amplitude = (wave**2 + (0.16 / longest) ** 2) ** (-slope / 4)
    amplitude[0, 0] = 0
    twice = np.full(amplitude.shape, 2.0)
    twice[:, 0] = twice[:, -1] = 1
    variance = 2 * np.sum(twice * amplitude**2) / ROUND**4
    return np.asarray(amplitude / np.sqrt(variance), dtype=np.float32)


def _hills() -> FloatArray:
    """The same for every seed: there is one radar."""
    noise = np.random.default_rng(5).standard_normal((SIDE, SIDE))
    hills = cv2.GaussianBlur(noise, (0, 0), HILLS_PIXELS)
    return np.asarray(HILLS_DBZ * hills / hills.std(), dtype=np.float32)


def _of_season(regime: Regime, change: float) -> Regime:
    """A regime when the season has gone a share of the way to one of short-lived showers."""
    late = Regime(
        regime.level_dbz - 3,
        regime.wide_dbz * 0.85,
        regime.fine_dbz * 1.6,
        regime.lifetime_minutes * 0.4,
        regime.speed_m_s,
    )
    return regime.towards(late, change)


def displayed(rain_dbz: NDArray[np.floating]) -> FloatArray:
    """What the radar shows of a field: nothing below its weakest echo, nothing above its cap."""
    shown = np.where(rain_dbz < WEAKEST_DBZ, 0.0, np.minimum(rain_dbz, STRONGEST_DBZ))
    return np.asarray(shown, dtype=np.float32)


def weather(seed: int, steps: int) -> Iterator[Moment]:
    """So many moments of undisturbed weather."""
    source = Weather(seed)
    for _ in range(steps):
        yield source.step()
