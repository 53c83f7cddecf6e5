"""What the radar networks are trained to minimise.

The reflectivity is trained by squared error, towards the mean, or, as far as ``balance`` says, by
the error weighted by the observed rain (after the balanced loss of Shi et al., NeurIPS 2017, with a
lower cap). The exceedance probabilities are trained by their cross-entropy: rare thresholds weigh
more, which leaves each probability calibrated.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from echocast.model.network.network import SCALE_DBZ

WEIGHT_STEPS_DBZ = (20.0, 27.8, 34.2, 39.0)  # the last three: 2, 5 and 10 mm/h by Marshall-Palmer
WEIGHTS = (1.0, 2.0, 3.0, 5.0, 8.0)
COMMON_DBZ = 20.0  # thresholds weigh 1 up to here, twice as much every 12 dB above


def rain_weight(observed_dbz: Tensor) -> Tensor:
    """Weight of a pixel by its observed rain, 1 to 8."""
    steps = observed_dbz.new_tensor(WEIGHT_STEPS_DBZ)
    return observed_dbz.new_tensor(WEIGHTS)[
        torch.bucketize(observed_dbz.contiguous(), steps, right=True)
    ]


def intensity_loss(
    frame: Tensor,
    observed: Tensor,
    valid: Tensor,
    balance: float,
    pixels: Tensor | None = None,
) -> Tensor:
    """Squared error over the observed pixels, as far as asked balanced and with absolute error.

    Args:
        frame: Predicted, any shape, network scale.
        observed: Like ``frame``.
        valid: 1 where observed.
        balance: 0: plain squared error; 1: balanced squared plus absolute error.
        pixels: What the sum is divided by; by default the observed pixels.

    Returns:
        Scalar; the error in units of 10 dBZ.
    """
    error = (frame - observed) * (SCALE_DBZ / 10)
    loss = error.square()
    if balance:
        weight = 1 + balance * (rain_weight(observed * SCALE_DBZ) - 1)
        loss = weight * (loss + balance * error.abs())
    return (valid * loss).sum() / _divisor(valid, pixels)


def exceedance_loss(
    logits: Tensor,
    observed: Tensor,
    valid: Tensor,
    thresholds_dbz: tuple[float, ...],
    pixels: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of exceeding each threshold, summed with the thresholds' weights.

    Args:
        logits: (batch, threshold, height, width).
        observed: (batch, 1, height, width) in network scale.
        valid: Like ``observed``.
        thresholds_dbz: One per channel of ``logits``.
        pixels: What the sum is divided by; by default the observed pixels.

    Returns:
        Scalar.
    """
    dbz = logits.new_tensor(thresholds_dbz)[:, None, None]
    event = (observed >= dbz / SCALE_DBZ - 1e-6).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, event, reduction="none")
    weight = torch.exp2((dbz - COMMON_DBZ).clamp(min=0) / 12)
    return (entropy * weight * valid).sum() / _divisor(valid, pixels)


def _divisor(valid: Tensor, pixels: Tensor | None) -> Tensor:
    """Pixels that a mean is taken over, at least one."""
    return (valid.sum() if pixels is None else pixels).clamp(min=1)
