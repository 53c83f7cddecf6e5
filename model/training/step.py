"""What a network makes of a batch: the loss, its parts, and how its forecasts score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from echocast.model.network.network import SCALE_DBZ, Network
from echocast.model.training.losses import exceedance_loss, intensity_loss
from echocast.model.training.sampler import Batch
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ

INPUT_PHASE_WEIGHT = 0.2  # predictions of input frames teach too, but are not what is asked for
EXCEEDANCE_WEIGHT = 4  # of the entropy beside the error of the reflectivity


class Outcome(NamedTuple):
    """A batch as the network answered it.

    Args:
        loss: Mean over the forecast frames, and a little of the input phase; a scalar.
        parts: (2,): what the intensity and the exceedances have in it.
        counts: (threshold, 4): hits, misses, false alarms and correct negatives of the frames that
            ran freely, at ``STREAM_THRESHOLDS_DBZ``.
    """

    loss: Tensor
    parts: Tensor
    counts: Tensor


@dataclass(frozen=True)
class Report:
    """One step of a training run.

    Args:
        step: Its number, from 1.
        loss: Of the batch, over all processes.
        intensity_loss: What the error of the reflectivity has in it.
        exceedance_loss: What the entropy of the exceedances has in it.
        rate: Learning rate.
        gradient_norm: Before clipping.
        tables: By threshold in dBZ, of this process's forecast frames that ran freely.
    """

    step: int
    loss: float
    intensity_loss: float
    exceedance_loss: float
    rate: float
    gradient_norm: float
    tables: Mapping[float, ContingencyTable]


def outcome(network: Network, batch: Batch, balance: float) -> Outcome:
    """Roll a network out over a batch."""
    inputs, thresholds = batch.inputs, network.config.exceedance_thresholds_dbz
    bases = [*batch.frames[:, : inputs - 1].unbind(1), *batch.bases.unbind(1)]
    loss, parts = batch.frames.new_zeros(()), batch.frames.new_zeros(2)
    counts = torch.zeros(
        len(STREAM_THRESHOLDS_DBZ), 4, dtype=torch.int64, device=batch.frames.device
    )
    weights = 0.0
    predictions = network.roll_out(
        batch.frames,
        bases,
        batch.valid,
        batch.context,
        inputs=inputs,
        truth_share=batch.truth_share,
    )
    for t, prediction in enumerate(predictions):
        weight = 1.0 if t >= inputs - 1 else INPUT_PHASE_WEIGHT
        observed, valid, pixels = batch.frames[:, t + 1], batch.valid[:, t + 1], batch.pixels[t + 1]
        frame, logits = prediction.frame.float(), prediction.exceedance_logits.float()
        intensity = intensity_loss(frame, observed, valid, balance, pixels)
        exceedance = loss.new_zeros(())
        if thresholds:
            entropy = exceedance_loss(logits, observed, valid, thresholds, pixels)
            exceedance = EXCEEDANCE_WEIGHT * entropy
        loss = loss + weight * (intensity + exceedance)
        parts += weight * torch.stack([intensity, exceedance]).detach()
        weights += weight
        if t >= inputs - 1:
            counts += count_events(frame.detach(), observed, valid * _running_freely(batch, t))
    return Outcome(loss / weights, parts / weights, counts)


def count_events(frame: Tensor, observed: Tensor, counts: Tensor) -> Tensor:
    """Count the events of a predicted frame on the device that holds it.

    Args:
        frame: Predicted, any shape, network scale.
        observed: Like ``frame``.
        counts: 1 where a pixel counts; broadcasts.

    Returns:
        (threshold, 4), at ``STREAM_THRESHOLDS_DBZ``: hits, misses, false alarms, correct negatives.
    """
    levels = frame.new_tensor(STREAM_THRESHOLDS_DBZ) / SCALE_DBZ - 1e-6
    valid = (counts.expand_as(frame) > 0).flatten()
    yes, event = (values.flatten() >= levels[:, None] for values in (frame, observed))
    fields = yes & event, ~yes & event, yes & ~event, ~yes & ~event
    return torch.stack([(field & valid).sum(1) for field in fields], 1)


def _running_freely(batch: Batch, t: int) -> Tensor:
    """(batch, 1, 1, 1): 1 where no true frame after the inputs was fed up to step ``t``."""
    if batch.truth_share is None:
        return batch.frames.new_ones(len(batch.frames), 1, 1, 1)
    fed = batch.truth_share[:, batch.inputs : t + 1].sum(1)
    return (fed == 0).to(fed.dtype)[:, None, None, None]
