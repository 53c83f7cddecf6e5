"""PlaceTime: what is known of the rain at a place at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PlaceTime:
    """Rain at a place at one time.

    Args:
        time: Valid time, UTC.
        rate_mm_h: Rain rate in mm/h; None: not observed, or rain of then can't be traced to there.
        probability: That it rains more than some rate, 0..1; None: not known.
    """

    time: datetime
    rate_mm_h: float | None
    probability: float | None = None

    def is_wet(self, threshold_mm_h: float) -> bool:
        """Whether it is known to rain so much."""
        return self.rate_mm_h is not None and self.rate_mm_h >= threshold_mm_h
