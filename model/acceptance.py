"""The acceptance run: a network must forecast a fixed golden input before it may serve.

A few cells and a rain band drift over a grid with a blind corner, drawn by formulas that never
change. Every network must obey the laws there; one that was described when it was published must
also answer as it did then, within a tolerance: so a damaged device, library or build is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.errors import CheckpointError
from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.manifest import amend, read_manifest

GOLDEN = "golden"  # of the manifest
INPUT = 1  # which golden input; another one gets another number
SHAPE = (72, 88)  # pixels; not a multiple of every tile
STEP_MINUTES, PIXEL_KM = 5.0, 1.0
HIGHEST_DBZ = 80.0
FARTHEST_DB = 10.0  # root mean square difference from extrapolation, over all leads
TOLERANCE_DB = 0.5  # of means and deviations, from those of the day when it was published

# Of cells: row, column, rows and columns per step, peak in dBZ, its growth per step, radius in km.
CELLS = (
    (24.0, 20.0, 1.1, 2.3, 52.0, 0.0, 7.0),
    (48.0, 32.0, 0.8, 2.6, 38.0, 0.8, 10.0),
    (36.0, 52.0, 1.3, 2.0, 44.0, -0.7, 8.0),
    (14.0, 48.0, 0.9, 2.4, 28.0, 0.2, 12.0),
)


def load_checked(directory: Path, device: str = "cpu") -> Nowcaster:
    """The nowcaster of a checkpoint directory, after its acceptance run on the golden input.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or forecasts nonsense.
        ModelError: This version of Echocast has no such network.
    """
    nowcaster = Nowcaster.load(directory, device)
    check(nowcaster, read_manifest(directory))
    return nowcaster


def describe(directory: Path, device: str = "cpu") -> None:
    """Write into the manifest what the network answers to the golden input; before publishing.

    Raises:
        CheckpointError: The checkpoint is damaged, or forecasts nonsense.
    """
    answer = lawful_answer(Nowcaster.load(directory, device))
    amend(directory, {GOLDEN: {"input": INPUT, **statistics(answer)}})


def check(nowcaster: Nowcaster, manifest: Mapping[str, Any]) -> None:
    """Check that forecasts are plausible, and those that the network gave when it was published.

    Raises:
        CheckpointError: It does not.
    """
    actual = statistics(lawful_answer(nowcaster))
    described = manifest.get(GOLDEN, {})
    if described.get("input") != INPUT:
        return
    for name, values in actual.items():
        apart = float(np.max(np.abs(np.subtract(values, described[name]))))
        if not apart <= TOLERANCE_DB:
            raise _failure(
                nowcaster,
                f"its {name} is {apart:.2f} dB from that of the day when it was published; at most"
                f" {TOLERANCE_DB:g} dB are allowed",
            )


def lawful_answer(nowcaster: Nowcaster) -> Forecast:
    """The forecast from the golden input.

    Raises:
        CheckpointError: It breaks a law that holds for every forecast.
    """
    forecast = nowcaster.nowcast(golden_frames(nowcaster.input_frames, _shape(nowcaster)))
    expected = _expected(forecast)
    extrapolation = forecast.extrapolation.reflectivity_dbz
    known = np.isfinite(extrapolation)
    if not np.array_equal(np.isfinite(expected), known):
        raise _failure(nowcaster, "it is not finite where extrapolation is")
    if not float(expected[known].max()) <= HIGHEST_DBZ:
        raise _failure(nowcaster, f"it reaches {expected[known].max():.0f} dBZ")
    apart = math.sqrt(np.mean(np.square(wet(expected[known]) - wet(extrapolation[known]))))
    if not apart <= FARTHEST_DB:
        raise _failure(
            nowcaster,
            f"it is {apart:.1f} dB from extrapolation (root mean square); at most"
            f" {FARTHEST_DB:g} dB are believed",
        )
    probability = forecast.exceedance_probability
    if probability is not None and not bool(
        np.all((probability[:, known] >= 0) & (probability[:, known] <= 1))
    ):
        raise _failure(nowcaster, "a probability is not within 0 and 1")
    return forecast


def statistics(forecast: Forecast) -> dict[str, list[float]]:
    """Mean and standard deviation in dB, by lead; what is dry counts as 0 dBZ."""
    leads = [wet(lead[np.isfinite(lead)]) for lead in _expected(forecast)]
    return {
        "mean_dbz": [round(float(lead.mean()), 4) for lead in leads],
        "deviation_db": [round(float(lead.std()), 4) for lead in leads],
    }


def golden_frames(count: int, shape: tuple[int, int] = SHAPE) -> Frames:
    """The golden input: so many frames, always the same; NaN in the blind corner."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    frames = [_frame(y, x, step) for step in range(count)]
    frames = [np.where(np.hypot(y - shape[0], x) < 20, np.nan, frame) for frame in frames]
    values = np.stack(frames).astype(np.float32)
    return Frames.of_array(values, step_minutes=STEP_MINUTES, km_per_pixel=PIXEL_KM)


def _frame(y: FloatArray, x: FloatArray, step: int) -> FloatArray:
    """Reflectivity of a step in dBZ; cells fall off linearly in dBZ, the band as a cosine."""
    band = 18 * np.cos((y + 0.4 * x - 1.9 * step) / 17) + 4 * np.sin((x - 2.3 * step) / 5)
    layers = [band]
    for row, column, down, right, peak, growth, radius in CELLS:
        distance = np.hypot(y - row - down * step, x - column - right * step)
        layers.append(peak + growth * step - 9 * distance / radius)
    drawn: FloatArray = np.maximum.reduce([*layers, np.zeros_like(y)])
    return np.where(drawn < 5, 0, drawn)


def wet(values_dbz: FloatArray) -> FloatArray:
    """Dry pixels as 0 dBZ, whichever floor the product has."""
    return np.clip(values_dbz, 0, None)


def _expected(forecast: Forecast) -> FloatArray:
    """The network's own reflectivity: no threshold acts on it, so small differences stay small."""
    return (forecast.expected or forecast.frames).reflectivity_dbz


def _shape(nowcaster: Nowcaster) -> tuple[int, int]:
    """Networks that are tied to one grid get theirs."""
    if nowcaster.config.grid is None:
        return SHAPE
    rows, columns = (nowcaster.config.patch * side for side in nowcaster.config.grid)
    return rows, columns


def _failure(nowcaster: Nowcaster, how: str) -> CheckpointError:
    name = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    return CheckpointError(f"{name} fails the golden input: {how}.")
