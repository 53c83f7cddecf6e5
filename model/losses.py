"""What the radar networks are trained to minimise.

Squared and absolute error, weighted by the observed rain (after the balanced loss of Shi et al.,
NeurIPS 2017, with a lower cap), and the cross-entropy of exceeding each threshold.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.networks import SCALE_DBZ, Prediction

WEIGHT_STEPS_DBZ = (20.0, 27.8, 34.2, 39.0)  # the last three: 2, 5 and 10 mm/h by Marshall-Palmer
WEIGHTS = (1.0, 2.0, 3.0, 5.0, 8.0)


def rain_weight(observed_dbz: Tensor) -> Tensor:
    """Weight of a pixel by its observed rain, 1 to 8."""
    steps = observed_dbz.new_tensor(WEIGHT_STEPS_DBZ)
    return observed_dbz.new_tensor(WEIGHTS)[
        torch.bucketize(observed_dbz.contiguous(), steps, right=True)
    ]


def intensity_loss(frame: Tensor, observed: Tensor, valid: Tensor) -> Tensor:
    """Balanced squared plus absolute error over the observed pixels.

    Args:
        frame: Predicted, any shape, network scale.
        observed: Like ``frame``.
        valid: 1 where observed.

    Returns:
        Scalar; the error in units of 10 dBZ.
    """
    weight = valid * rain_weight(observed * SCALE_DBZ)
    error = (frame - observed) * (SCALE_DBZ / 10)
    return (weight * (error.square() + error.abs())).sum() / valid.sum().clamp(min=1)


def exceedance_loss(
    logits: Tensor, observed: Tensor, valid: Tensor, thresholds_dbz: tuple[float, ...]
) -> Tensor:
    """Cross-entropy of exceeding each threshold, summed over thresholds.

    Args:
        logits: (batch, threshold, height, width).
        observed: (batch, 1, height, width) in network scale.
        valid: Like ``observed``.
        thresholds_dbz: One per channel of ``logits``.

    Returns:
        Scalar.
    """
    levels = logits.new_tensor(thresholds_dbz)[:, None, None] / SCALE_DBZ
    event = (observed >= levels - 1e-6).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, event, reduction="none")
    return (entropy * valid).sum() / valid.sum().clamp(min=1)


def prediction_loss(
    prediction: Prediction, observed: Tensor, valid: Tensor, thresholds_dbz: tuple[float, ...]
) -> Tensor:
    """Loss of one predicted frame: intensity, and four times the exceedance entropy."""
    loss = intensity_loss(prediction.frame, observed, valid)
    if thresholds_dbz:
        loss = loss + 4 * exceedance_loss(
            prediction.exceedance_logits, observed, valid, thresholds_dbz
        )
    return loss
