"""Prediction: what a network says, before it is carried along the motion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray


class Prediction(NamedTuple):
    """The network's output, before it is carried along the motion.

    Args:
        frames_dbz: (lead, height, width), from 0 dBZ.
        exceedance_probability: float16 (lead, threshold, height, width).
    """

    frames_dbz: FloatArray
    exceedance_probability: NDArray[np.float16]
