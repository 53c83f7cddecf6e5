"""Counts of the forecasts of one start time: every score of an evaluation is made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.verification.calibration import BINS, class_counts
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    THRESHOLDS_DBZ,
    Floats,
    Ints,
    count_events,
    events,
)

SCALES_KM = (2, 4, 8, 16, 32, 64)
LEVELS_PER_DB = 2
LEVELS = 140  # of forecast reflectivity, half a dB each: the first from 0 dBZ, the last all above
PARTS = ("counts", "squares", "fractions", "levels", "classes", "brier")


def _nothing(*shape: int) -> NDArray[np.int64]:
    return np.zeros(shape, np.int64)


@dataclass(frozen=True, eq=False)
class StartCounts:
    """What is counted of the forecasts of one start time.

    Args:
        counts: (method, threshold, lead, 4), at ``THRESHOLDS_DBZ``: hits, misses, false alarms,
            correct negatives of the pixels where all methods and the observation have a value.
        squares: (method, lead): sums of squared errors in dBZ^2, dry as 0 dBZ.
        fractions: (method, FSS threshold, lead, scale, 2): sums of the squared
            difference of forecast and observed fractions, and of the sum of their squares
            (Roberts and Lean, MWR 2008).
        levels: (method, level, thresholds reached), pixels of all leads: how often each half dB
            of the forecast was followed by an observation that reaches so many thresholds.
        classes: (probabilistic method, threshold, class, 2), pixels of all leads: not exceeded,
            exceeded, as in :class:`.calibration.ExceedanceCounts`.
        brier: (probabilistic method, threshold, lead): sums of the squared difference between
            the probability and what happened, 0 or 1.
    """

    counts: Ints
    squares: Floats
    fractions: Floats
    levels: Ints = field(default_factory=lambda: _nothing(0, LEVELS, len(THRESHOLDS_DBZ) + 1))
    classes: Ints = field(default_factory=lambda: _nothing(0, len(THRESHOLDS_DBZ), BINS, 2))
    brier: Floats = field(default_factory=lambda: np.zeros((0, len(THRESHOLDS_DBZ), 0)))

    @property
    def pixels(self) -> Ints:
        """Pixels that count, (lead,): as many for every method and threshold."""
        total: Ints = self.counts[0, 0].sum(-1)
        return total

    @property
    def leads_together(self) -> StartCounts:
        """The same as of one lead time: the sums over all."""
        return StartCounts(
            self.counts.sum(2, keepdims=True),
            self.squares.sum(1, keepdims=True),
            self.fractions.sum(2, keepdims=True),
            self.levels,
            self.classes,
            self.brier.sum(2, keepdims=True),
        )

    @classmethod
    def of(
        cls,
        methods: Sequence[FloatArray],
        observed: FloatArray,
        pixel_km: float,
        probabilities: Sequence[FloatArray] = (),
    ) -> Self:
        """Count the forecasts of one start time.

        Args:
            methods: Each (lead, height, width) in dBZ, NaN or masked where unknown.
            observed: The same shape.
            pixel_km: Side of a pixel.
            probabilities: Of probabilistic methods, each (threshold, lead, height, width), 0 to 1
                at ``THRESHOLDS_DBZ``.
        """
        parts = [
            _count_lead(
                [unmasked(values[lead]) for values in methods],
                [unmasked(values[:, lead]) for values in probabilities],
                unmasked(truth),
                pixel_km,
            )
            for lead, truth in enumerate(observed)
        ]
        by_lead = {name: [part[name] for part in parts] for name in PARTS}
        return cls(
            np.stack(by_lead["counts"], 2),
            np.stack(by_lead["squares"], 1),
            np.stack(by_lead["fractions"], 2),
            np.sum(by_lead["levels"], 0),
            np.sum(by_lead["classes"], 0),
            np.stack(by_lead["brier"], 2),
        )


def _count_lead(
    methods: Sequence[FloatArray],
    probabilities: Sequence[FloatArray],
    truth: FloatArray,
    pixel_km: float,
) -> Mapping[str, NDArray[np.generic]]:
    """What is counted of one lead; fields are (height, width), probabilities (threshold, ...)."""
    valid = np.isfinite(truth)
    for values in (*methods, *(chance for part in probabilities for chance in part)):
        valid &= np.isfinite(values)
    observed = _valid_events(truth, valid)
    forecasts = [_valid_events(values, valid) for values in methods]
    rain, reached = np.clip(truth, 0, None)[valid], np.sum(observed, 0)[valid]
    known = [np.clip(values, 0, None)[valid] for values in methods]
    happened = np.stack(observed)[:, valid]
    chances = [part[:, valid] for part in probabilities]
    return {
        "counts": count_events(forecasts, observed, valid),
        "squares": np.array([np.square(v - rain, dtype=float).sum() for v in known]),
        "fractions": _fractions(forecasts, observed, pixel_km),
        "levels": np.stack([_level_counts(values, reached) for values in known]),
        "classes": _class_counts(chances, happened),
        "brier": _brier_sums(chances, happened),
    }


def _valid_events(values: FloatArray, valid: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    return [valid & event for event in events(values, THRESHOLDS_DBZ)]


def _level_counts(forecast_dbz: FloatArray, reached: NDArray[np.integer]) -> Ints:
    """(level, thresholds reached) of pixels, (pixel,)."""
    level = np.minimum((forecast_dbz * LEVELS_PER_DB).astype(np.int64), LEVELS - 1)
    classes = len(THRESHOLDS_DBZ) + 1
    joint = np.bincount(level * classes + reached, minlength=LEVELS * classes)
    return joint.reshape(LEVELS, classes)


def _class_counts(chances: Sequence[FloatArray], happened: NDArray[np.bool_]) -> Ints:
    """(probabilistic method, threshold, class, 2) of pixels, (threshold, pixel)."""
    counts = [
        [class_counts(*pair) for pair in zip(part, happened, strict=True)] for part in chances
    ]
    return np.array(counts, np.int64).reshape(-1, len(THRESHOLDS_DBZ), BINS, 2)


def _brier_sums(chances: Sequence[FloatArray], happened: NDArray[np.bool_]) -> Floats:
    """(probabilistic method, threshold) of pixels, (threshold, pixel)."""
    sums = [np.square(part - happened, dtype=float).sum(1) for part in chances]
    return np.array(sums).reshape(-1, len(THRESHOLDS_DBZ))


def _fractions(
    forecasts: Sequence[Sequence[NDArray[np.bool_]]],
    observed: Sequence[NDArray[np.bool_]],
    pixel_km: float,
) -> Floats:
    """(method, FSS threshold, scale, 2)."""
    sums = np.zeros((len(forecasts), len(FRACTIONS_THRESHOLDS_DBZ), len(SCALES_KM), 2))
    for (f, threshold), (s, scale) in product(
        enumerate(FRACTIONS_THRESHOLDS_DBZ), enumerate(SCALES_KM)
    ):
        t, side = THRESHOLDS_DBZ.index(threshold), scale / pixel_km
        happened = _shares(observed[t], side)
        sums[:, f, s] = [_differences(_shares(fields[t], side), happened) for fields in forecasts]
    return sums


def _shares(event: NDArray[np.bool_], side: float) -> FloatArray:
    """Share of a square neighbourhood where the event holds."""
    size = max(1, round(side))
    shares: FloatArray = cv2.blur(
        event.astype(np.float32), (size, size), borderType=cv2.BORDER_CONSTANT
    )
    return shares


def _differences(forecast: FloatArray, observed: FloatArray) -> tuple[float, float]:
    """Squared difference of neighbourhood shares, and the largest it could be."""
    difference = cv2.norm(forecast, observed, cv2.NORM_L2SQR)
    whole = sum(cv2.norm(shares, cv2.NORM_L2SQR) for shares in (forecast, observed))
    return float(difference), float(whole)
