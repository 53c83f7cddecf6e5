"""Counts of one event, per start time: everything that is ever said of a model derives from them.

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

from echocast.model.verification.calibration import ExceedanceCounts
from echocast.model.verification.contingency import ContingencyTable, defined
from echocast.model.verification.counts import FRACTIONS_THRESHOLDS_DBZ, THRESHOLDS_DBZ, label

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SCALES_KM = (1, 2, 4, 8, 16, 32)
BLOCK_MINUTES = 60.0
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Start:
    """What one forecast scored.

    Args:
        counts: (method, threshold, lead, 3): hits, misses, false alarms.
        squares: (method, lead): sums of squared errors in dBZ^2, dry as 0 dBZ.
        fractions: (method, FSS threshold, lead, scale, 2): sums of the squared
            difference of forecast and observed fractions, and of the sum of their squares
            (Roberts and Lean, MWR 2008).
        pixels: (lead,): pixels that all methods and the observation know.
    """

    counts: Ints
    squares: Floats
    fractions: Floats
    pixels: Ints

    @classmethod
    def of(
        cls,
        methods: Sequence[NDArray[np.float32]],
        observed: NDArray[np.float32],
        pixel_km: float,
    ) -> Self:
        """Count the forecasts of one start time.

        Args:
            methods: Each (lead, height, width) in dBZ, NaN where unknown.
            observed: The same shape.
            pixel_km: Side of a pixel.
        """
        parts = [
            _lead([values[lead] for values in methods], truth, pixel_km)
            for lead, truth in enumerate(observed)
        ]
        counts, squares, fractions, pixels = zip(*parts, strict=True)
        return cls(
            np.stack(counts, 2), np.stack(squares, 1), np.stack(fractions, 2), np.array(pixels)
        )


def _lead(
    methods: Sequence[NDArray[np.float32]], truth: NDArray[np.float32], pixel_km: float
) -> tuple[Ints, Floats, Floats, int]:
    """Counts, squares, fractions and pixels of one lead; fields are (height, width)."""
    known = np.isfinite(truth)
    for values in methods:
        known &= np.isfinite(values)
    errors = [
        np.clip(values, 0, None)[known] - np.clip(truth, 0, None)[known] for values in methods
    ]
    squares = np.array([np.square(error, dtype=float).sum() for error in errors])
    events = [known & (truth >= threshold) for threshold in THRESHOLDS_DBZ]
    counts, fractions = [], []
    for values in methods:
        warned = [known & (values >= threshold) for threshold in THRESHOLDS_DBZ]
        pairs = list(zip(THRESHOLDS_DBZ, warned, events, strict=True))
        counts.append([_count(yes, event) for _, yes, event in pairs])
        fractions.append(
            [
                [_differences(yes, event, scale / pixel_km) for scale in SCALES_KM]
                for threshold, yes, event in pairs
                if threshold in FRACTIONS_THRESHOLDS_DBZ
            ]
        )
    return np.array(counts), squares, np.array(fractions), int(known.sum())


def _count(yes: NDArray[np.bool_], event: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Hits, misses and false alarms."""
    hits = int((yes & event).sum())
    return hits, int(event.sum()) - hits, int(yes.sum()) - hits


def _shares(event: NDArray[np.bool_], side: float) -> NDArray[np.float32]:
    """Share of a square neighbourhood where the event holds."""
    size = max(1, round(side))
    shares: NDArray[np.float32] = cv2.blur(
        event.astype(np.float32), (size, size), borderType=cv2.BORDER_CONSTANT
    )
    return shares


def _differences(
    yes: NDArray[np.bool_], event: NDArray[np.bool_], side: float
) -> tuple[float, float]:
    """Squared difference of the neighbourhood shares, and the largest it could be."""
    forecast, observed = _shares(yes, side), _shares(event, side)
    difference = cv2.norm(forecast, observed, cv2.NORM_L2SQR)
    whole = cv2.norm(forecast, cv2.NORM_L2SQR) + cv2.norm(observed, cv2.NORM_L2SQR)
    return float(difference), float(whole)


@dataclass(frozen=True, eq=False)
class EventTally:
    """All start times of one event.

    Args:
        event: Its name.
        methods: Names of what was scored.
        lead_minutes: Lead times.
        start_minutes: Start times, minutes after the first.
        starts: What each scored.
        reliability: What followed the model's probabilities; None without probabilities.
    """

    event: str
    methods: tuple[str, ...]
    lead_minutes: tuple[float, ...]
    start_minutes: tuple[float, ...]
    starts: tuple[Start, ...]
    reliability: ExceedanceCounts | None

    @property
    def counts(self) -> Ints:
        """(start, method, threshold, lead, 3)."""
        return np.stack([start.counts for start in self.starts])

    @property
    def pixels(self) -> int:
        """Pixels scored, over starts and leads."""
        return int(sum(start.pixels.sum() for start in self.starts))

    def table(self, method: str, threshold_dbz: float, lead: int | None = None) -> ContingencyTable:
        """Pooled counts of a method at a threshold, of one lead (its index) or all."""
        m, t = self.methods.index(method), THRESHOLDS_DBZ.index(threshold_dbz)
        cells = self.counts[:, m, t]
        hits, misses, false_alarms = (
            cells.sum((0, 1)) if lead is None else cells[:, lead].sum(0)
        ).tolist()
        total = sum(int(s.pixels.sum() if lead is None else s.pixels[lead]) for s in self.starts)
        return ContingencyTable(
            hits=hits,
            misses=misses,
            false_alarms=false_alarms,
            correct_negatives=total - hits - misses - false_alarms,
        )

    def mean_squared_error(self, method: str, lead: int | None = None) -> float:
        """In dBZ^2, dry as 0 dBZ; of one lead (its index) or all; NaN without pixels."""
        m = self.methods.index(method)
        squares = sum(
            s.squares[m].sum() if lead is None else s.squares[m, lead] for s in self.starts
        )
        pixels = sum(s.pixels.sum() if lead is None else s.pixels[lead] for s in self.starts)
        return float(squares / pixels) if pixels else float("nan")

    def fractions_skill_score(self, method: str, threshold_dbz: float) -> list[float]:
        """Per scale, leads pooled; NaN where nothing was forecast or observed."""
        m, t = self.methods.index(method), FRACTIONS_THRESHOLDS_DBZ.index(threshold_dbz)
        difference, whole = sum(s.fractions[m, t].sum(0) for s in self.starts).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return list((1 - difference / whole).tolist())

    def csi_difference(
        self, method: str, reference: str, threshold_dbz: float, lead: int | None = None
    ) -> tuple[float, float, float]:
        """CSI of a method minus that of a reference, with its 90 % interval.

        Blocks of one hour of start times are resampled together (paired). The interval says
        nothing of other events.

        Returns:
            The difference, its 5th and its 95th percentile; NaN where a CSI is undefined.
        """
        t = THRESHOLDS_DBZ.index(threshold_dbz)
        pair = [self.methods.index(method), self.methods.index(reference)]
        cells = self.counts[:, pair, t]
        cells = cells.sum(2) if lead is None else cells[:, :, lead]
        blocks = self._blocks(cells)
        draws = np.random.default_rng(0).integers(len(blocks), size=(RESAMPLES, len(blocks)))
        drawn = _difference(blocks[draws].sum(1))
        low, high = np.nanpercentile(drawn, [5, 95]) if np.isfinite(drawn).any() else [np.nan] * 2
        return float(_difference(blocks.sum(0)[None])[0]), float(low), float(high)

    def _blocks(self, cells: Ints) -> Ints:
        """Sums of the starts of each hour."""
        hours = (np.array(self.start_minutes) // BLOCK_MINUTES).astype(int)
        return np.stack([cells[hours == hour].sum(0) for hour in sorted(set(hours.tolist()))])

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


def _difference(cells: Ints) -> Floats:
    """CSI of the first minus that of the second method of (..., 2, 3) counts."""
    union = cells.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        csi = np.where(union > 0, cells[..., 0] / union, np.nan)
    difference: Floats = csi[..., 0] - csi[..., 1]
    return difference
