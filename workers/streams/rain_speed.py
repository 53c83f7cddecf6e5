"""How fast the rain moves, for the gauges of input health."""

from __future__ import annotations

import numpy as np

from echocast.model.extrapolation.motion import FloatArray, estimate_motion

WET_DBZ = 10.0
COARSER = 2  # times coarser than a forecast wants it: enough for a mean, at a quarter of the cost


def mean_speed_m_s(
    earlier_dbz: FloatArray, later_dbz: FloatArray, seconds: float, pixel_km: float
) -> float | None:
    """Mean speed of the rain between two frames, weighted by wet pixels; None without rain."""
    wet = np.nan_to_num(later_dbz, nan=0.0) >= WET_DBZ
    if not wet.any():
        return None
    motion = estimate_motion(np.stack([earlier_dbz, later_dbz]), pixel_km / COARSER)
    pixels = np.hypot(motion.u[wet], motion.v[wet])
    return float(pixels.mean()) * pixel_km * 1000 / seconds
