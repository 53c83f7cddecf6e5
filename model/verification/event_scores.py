"""Counts of one event, per start time: every score of an evaluation is made from them.

Counts add over start times and leads; ratios come last. Start times stay apart, because intervals
resample them in blocks: neighbouring forecasts share their weather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import FloatArray, unmasked
from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.calibration import ExceedanceCounts
from echocast.model.verification.contingency import ContingencyTable, defined
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    THRESHOLDS_DBZ,
    ContingencyCounts,
    Floats,
    Ints,
    count_events,
    events,
    label,
)

SCALES_KM = (1, 2, 4, 8, 16, 32)
BLOCK_MINUTES = 60.0


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
    """

    counts: Ints
    squares: Floats
    fractions: Floats

    @property
    def pixels(self) -> Ints:
        """Pixels that count, (lead,): as many for every method and threshold."""
        total: Ints = self.counts[0, 0].sum(-1)
        return total

    @classmethod
    def of(cls, methods: Sequence[FloatArray], observed: FloatArray, pixel_km: float) -> Self:
        """Count the forecasts of one start time.

        Args:
            methods: Each (lead, height, width) in dBZ, NaN or masked where unknown.
            observed: The same shape.
            pixel_km: Side of a pixel.
        """
        parts = [
            _count_lead([unmasked(values[lead]) for values in methods], unmasked(truth), pixel_km)
            for lead, truth in enumerate(observed)
        ]
        counts, squares, fractions = zip(*parts, strict=True)
        return cls(np.stack(counts, 2), np.stack(squares, 1), np.stack(fractions, 2))


def _count_lead(
    methods: Sequence[FloatArray], truth: FloatArray, pixel_km: float
) -> tuple[Ints, Floats, Floats]:
    """Counts, squares and fractions of one lead; fields are (height, width)."""
    valid = np.isfinite(truth)
    for values in methods:
        valid &= np.isfinite(values)
    observed = _valid_events(truth, valid)
    forecasts = [_valid_events(values, valid) for values in methods]
    rain = np.clip(truth, 0, None)[valid]
    errors = (np.clip(values, 0, None)[valid] - rain for values in methods)
    squares = np.array([np.square(error, dtype=float).sum() for error in errors])
    fractions = [
        [
            [_differences(forecast, happened, scale / pixel_km) for scale in SCALES_KM]
            for threshold, forecast, happened in zip(THRESHOLDS_DBZ, fields, observed, strict=True)
            if threshold in FRACTIONS_THRESHOLDS_DBZ
        ]
        for fields in forecasts
    ]
    return count_events(forecasts, observed, valid), squares, np.array(fractions)


def _valid_events(values: FloatArray, valid: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    return [valid & event for event in events(values, THRESHOLDS_DBZ)]


def _shares(event: NDArray[np.bool_], side: float) -> FloatArray:
    """Share of a square neighbourhood where the event holds."""
    size = max(1, round(side))
    shares: FloatArray = cv2.blur(
        event.astype(np.float32), (size, size), borderType=cv2.BORDER_CONSTANT
    )
    return shares


def _differences(
    forecast: NDArray[np.bool_], observed: NDArray[np.bool_], side: float
) -> tuple[float, float]:
    """Squared difference of the neighbourhood shares, and the largest it could be."""
    shares = _shares(forecast, side), _shares(observed, side)
    difference = cv2.norm(*shares, cv2.NORM_L2SQR)
    whole = sum(cv2.norm(share, cv2.NORM_L2SQR) for share in shares)
    return float(difference), float(whole)


@dataclass(frozen=True, eq=False)
class EventScores:
    """All start times of one event.

    Args:
        event: Its name.
        methods: Names of what was scored.
        lead_minutes: Lead times.
        start_minutes: Start times, minutes after the first.
        starts: What was counted at each.
        reliability: How often each class of the model's probabilities was followed by the event;
            None without probabilities.
    """

    event: str
    methods: tuple[str, ...]
    lead_minutes: tuple[float, ...]
    start_minutes: tuple[float, ...]
    starts: tuple[StartCounts, ...]
    reliability: ExceedanceCounts | None

    @property
    def counts(self) -> Ints:
        """(start, method, threshold, lead, 4)."""
        return np.stack([start.counts for start in self.starts])

    @property
    def total(self) -> ContingencyCounts:
        """The counts of all start times together."""
        counts = self.counts.sum(0)
        return ContingencyCounts(self.methods, THRESHOLDS_DBZ, self.lead_minutes, counts)

    @property
    def pixels(self) -> int:
        """Pixels scored, over starts and leads."""
        return int(sum(start.pixels.sum() for start in self.starts))

    def table(self, method: str, threshold_dbz: float, lead: int | None = None) -> ContingencyTable:
        """Pooled counts of a method at a threshold, of one lead (its index) or all."""
        return self.total.table(method, threshold_dbz, lead)

    def blocks(
        self, methods: Sequence[str], minutes: float = BLOCK_MINUTES, lead: int | None = None
    ) -> Ints:
        """Sums of the start times of each block of time.

        Args:
            methods: Which, in this order.
            minutes: Length of a block.
            lead: Of one lead (its index); None: of all together.

        Returns:
            (block, method, threshold, 4): hits, misses, false alarms, correct negatives.
        """
        counts = self.counts[:, [self.methods.index(method) for method in methods]]
        cells = counts.sum(3) if lead is None else counts[:, :, :, lead]
        numbers = (np.array(self.start_minutes) // minutes).astype(int)
        return np.stack([cells[numbers == number].sum(0) for number in np.unique(numbers)])

    def mean_squared_error(self, method: str, lead: int | None = None) -> float:
        """Mean squared error in dBZ^2, dry as 0 dBZ, of one lead (its index) or all.

        Range 0 to infinity, perfect 0, NaN without pixels.
        """
        m = self.methods.index(method)
        squares = sum(
            s.squares[m].sum() if lead is None else s.squares[m, lead] for s in self.starts
        )
        pixels = sum(s.pixels.sum() if lead is None else s.pixels[lead] for s in self.starts)
        return float(squares / pixels) if pixels else float("nan")

    def fractions_skill_score(self, method: str, threshold_dbz: float) -> list[float]:
        """Fractions skill score (FSS) per scale of ``SCALES_KM``, leads pooled.

        1 - sum of (forecast - observed fraction)^2 / sum of (forecast^2 + observed^2) (Roberts and
        Lean, MWR 2008). Range 0..1, perfect 1, NaN where nothing was forecast or observed.
        """
        m, t = self.methods.index(method), FRACTIONS_THRESHOLDS_DBZ.index(threshold_dbz)
        difference, whole = sum(s.fractions[m, t].sum(0) for s in self.starts).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return list((1 - difference / whole).tolist())

    def csi_difference(
        self, method: str, reference: str, threshold_dbz: float, lead: int | None = None
    ) -> tuple[float, float, float]:
        """CSI of a method minus that of a reference, with its 90 % interval.

        Blocks of one hour of start times are resampled together (paired). The interval does
        not hold for other events.

        Returns:
            The difference, its 5th and its 95th percentile, -1 to 1; NaN where a CSI is undefined.
        """
        pair = self.blocks((method, reference), lead=lead)
        difference, low, high = csi_difference([pair[:, :, THRESHOLDS_DBZ.index(threshold_dbz)]])
        return float(difference), float(low), float(high)

    def to_json(self) -> dict[str, Any]:
        """Scores per method, threshold and lead, with their counts; undefined is null."""
        return {
            "forecasts": len(self.starts),
            "pixels": self.pixels,
            "lead_minutes": list(self.lead_minutes),
            "fss_scales_km": list(SCALES_KM),
            "methods": {label(method): self._method_json(method) for method in self.methods},
        }

    def _method_json(self, method: str) -> dict[str, Any]:
        leads = range(len(self.lead_minutes))
        return {
            "mse_dbz2": defined(self.mean_squared_error(method)),
            "mse_dbz2_by_lead": [defined(self.mean_squared_error(method, k)) for k in leads],
            "thresholds": {
                f"{threshold:g}": {
                    "pooled": self.table(method, threshold).scores(),
                    "leads": [self.table(method, threshold, k).scores() for k in leads],
                }
                for threshold in THRESHOLDS_DBZ
            },
            "fss": {
                f"{threshold:g}": [
                    defined(value) for value in self.fractions_skill_score(method, threshold)
                ]
                for threshold in FRACTIONS_THRESHOLDS_DBZ
            },
        }
