"""Storms: how many separate storms a score is made from; a thousand pixels may be of one storm.

A storm is a connected region (eight neighbours) of at least 10 km2 where the observed reflectivity
reaches the threshold, in the first frame of an hour. So no storm is followed in time: one that
lasts three hours counts three times, one that comes and goes between two full hours not at all,
and the counts of frames add.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import cv2
import numpy as np

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.verification.counts import STORMS, STREAM_THRESHOLDS_DBZ, Counts

SMALLEST_KM2 = 10.0


def storms(observed_dbz: FloatArray, pixel_km: float) -> Counts:
    """Number of storms in a frame at each threshold.

    Args:
        observed_dbz: (height, width) in dBZ, NaN or masked where missing.
        pixel_km: Side of a pixel.
    """
    return {
        f"{STORMS}|{threshold:g}": [regions(observed_dbz, threshold, SMALLEST_KM2, pixel_km)]
        for threshold in STREAM_THRESHOLDS_DBZ
    }


def regions(
    observed_dbz: FloatArray, threshold_dbz: float, smallest_km2: float, pixel_km: float
) -> int:
    """Number of connected regions (eight neighbours) in a frame that reach a threshold.

    Args:
        observed_dbz: (height, width) in dBZ, NaN or masked where missing.
        threshold_dbz: What their pixels reach.
        smallest_km2: Smaller ones are not counted.
        pixel_km: Side of a pixel.
    """
    with np.errstate(invalid="ignore"):
        reached = (unmasked(observed_dbz) >= threshold_dbz).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(reached, connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA] * pixel_km**2  # the first is what is not reached
    return int(np.count_nonzero(areas >= smallest_km2))


def is_first_of_hour(time: datetime, step: timedelta) -> bool:
    """Whether no other frame of a stream is valid earlier in the same hour."""
    hour = time.replace(minute=0, second=0, microsecond=0)
    return time - hour < step
