"""The MIM network: one ST-LSTM below MIM blocks, and its roll-out as a generator.

M zigzags: up through the layers within a step, from the top layer back to the first layer of the
next step. H feeds the next layer and, diagonally, the differencing of the next layer one step on
(MIM equation (4)). A network owns parameters only; ``step`` takes and returns the state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.cells import LayerState, MIMBlock, SpatiotemporalLSTM
from model.config import NetworkConfig

SCALE_DBZ = 70.0  # network value 1 stands for this reflectivity, 0 for 0 dBZ and below
INPUT_IMAGES = 3  # frame, extrapolated frame, validity
CONTEXT_PLANES = 3  # lead time, time step, pixel size: constant over the grid
SOFTPLUS_OF_ZERO = math.log(2.0)
INITIAL_GAIN = 0.3  # per dBZ: how fast probability falls with distance from a threshold


class State(NamedTuple):
    """All memories of a network at one step: per layer, and the zigzagging M."""

    layers: tuple[LayerState, ...]
    M: Tensor


class Context(NamedTuple):
    """What a window is, beside its values; each of shape (batch,).

    Args:
        step_minutes: Time between frames.
        pixel_km: Side of a pixel.
    """

    step_minutes: Tensor
    pixel_km: Tensor


class Prediction(NamedTuple):
    """One predicted frame.

    Args:
        frame: (batch, 1, height, width) in network scale, not clipped.
        exceedance_logits: (batch, threshold, height, width), falling with the threshold.
    """

    frame: Tensor
    exceedance_logits: Tensor


class MIMNetwork(nn.Module):
    """One ST-LSTM and ``layers - 1`` MIM blocks between patches in and patches out.

    Args:
        config: What the network is.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        C, k, cell = config.hidden_channels, config.kernel, config.patch**2
        planes = INPUT_IMAGES * cell + CONTEXT_PLANES if config.residual else cell
        self.first = SpatiotemporalLSTM(planes, C, k)
        self.blocks = nn.ModuleList(MIMBlock(C, k) for _ in range(config.layers - 1))
        outputs = 1 + len(config.exceedance_thresholds_dbz)
        self.head = nn.Conv2d(C, outputs * cell, 1, bias=config.residual)
        self.log_gain = nn.Parameter(torch.full((outputs - 1,), INITIAL_GAIN).log())
        self._initialise()

    def _initialise(self) -> None:
        """Remember by default (b_f = 1); a residual network starts as pure extrapolation."""
        C = self.config.hidden_channels
        with torch.no_grad():
            _bias(self.first.on_x).view(7, C)[[2, 5]] = 1.0
            for block in self.blocks:
                assert isinstance(block, MIMBlock)
                _bias(block.on_x).view(6, C)[4] = 1.0
                _bias(block.non_stationary.on_difference).view(4, C)[2] = 1.0
                _bias(block.stationary.on_d).view(4, C)[2] = 1.0
            if self.config.residual:
                nn.init.zeros_(self.head.weight)
                nn.init.zeros_(_bias(self.head))

    def initial_state(self, batch: int, height: int, width: int) -> State:
        """Zero memories for grids of ``height`` x ``width`` patches."""
        zero = self.head.weight.new_zeros(batch, self.config.hidden_channels, height, width)
        zero = zero.contiguous(memory_format=torch.channels_last)
        return State(
            tuple(LayerState(zero, zero, zero, zero) for _ in range(self.config.layers)), zero
        )

    def step(self, X: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step, MIM equation (4).

        Args:
            X: (batch, planes, height, width) in patches.
            state: Memories at t-1.

        Returns:
            Head output (batch, outputs * patch^2, height, width) and the memories at t.
        """
        before = state.layers
        H, C, M = self.first(X, before[0].H, before[0].C, state.M)
        layers = [LayerState(H, C, before[0].N, before[0].S)]
        for index, block in enumerate(self.blocks, start=1):
            layer, M = block(layers[-1].H, before[index - 1].H, before[index], M)
            layers.append(layer)
        return self.head(layers[-1].H), State(tuple(layers), M)

    def roll_out(
        self, frames: Tensor, bases: Sequence[Tensor], valid: Tensor, context: Context
    ) -> Iterator[Prediction]:
        """Predict frame after frame: the successor of every input, then on from its own output.

        Args:
            frames: Input frames, (batch, time, height, width) in network scale, missing pixels 0;
                height and width are multiples of the patch.
            bases: What extrapolation says of frame t + 1, for t = 0, 1, ...; each (batch, 1,
                height, width). As many predictions are made as there are bases.
            valid: Like ``frames``: 1 where observed, 0 where missing.
            context: Step and pixel size of every window.

        Yields:
            Entry t predicts frame t + 1; from t = time - 1 on these are forecasts.
        """
        batch, inputs, height, width = frames.shape
        state = self.initial_state(batch, height // self.config.patch, width // self.config.patch)
        frame = frames[:, :1]
        for t, base in enumerate(bases):
            if t < inputs:
                frame = frames[:, t : t + 1]
            newest = min(t, inputs - 1)
            X = self._planes(frame, base, valid[:, newest : newest + 1], context, t - newest)
            out, state = self.step(X, state)
            prediction = self._interpret(out, base)
            frame = prediction.frame.clamp(0, 1) if self.config.residual else prediction.frame
            yield prediction

    def _planes(
        self, frame: Tensor, base: Tensor, valid: Tensor, context: Context, ahead: int
    ) -> Tensor:
        """The network's input at one step, (batch, planes, height, width) in patches."""
        patch = self.config.patch
        if not self.config.residual:
            return F.pixel_unshuffle(frame, patch)
        folded = F.pixel_unshuffle(torch.cat([frame, base, valid], 1), patch)
        minutes = context.step_minutes
        scalars = torch.stack([ahead * minutes / 60, minutes / 10, context.pixel_km.log2()], 1)
        constant = scalars[:, :, None, None].expand(-1, -1, *folded.shape[2:])
        planes = torch.cat([folded, constant.to(folded.dtype)], 1)
        return planes.contiguous(memory_format=torch.channels_last)

    def _interpret(self, out: Tensor, base: Tensor) -> Prediction:
        """Head output to a frame and exceedance logits, in pixels.

        The logits start at gain * (base - first threshold) and fall from threshold to threshold by
        a positive amount, so that probabilities never rise with the threshold.
        """
        channels = F.pixel_shuffle(out, self.config.patch)
        thresholds = self.config.exceedance_thresholds_dbz
        frame = base + channels[:, :1] if self.config.residual else channels[:, :1]
        if not thresholds:
            return Prediction(frame, channels[:, 1:])
        spacing = channels.new_tensor(thresholds).diff(prepend=channels.new_zeros(1))
        gain = self.log_gain.exp()
        raw = channels[:, 1:]
        first = gain[0] * (SCALE_DBZ * base - thresholds[0]) + raw[:, :1]
        falls = (gain * spacing)[1:, None, None] * (F.softplus(raw[:, 1:]) / SOFTPLUS_OF_ZERO)
        return Prediction(frame, torch.cat([first, first - falls.cumsum(1)], 1))


def channels_last(network: MIMNetwork) -> MIMNetwork:
    """The same network with its weights laid out channels last, which CPUs and GPUs prefer."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _bias(convolution: nn.Conv2d) -> Tensor:
    """The bias of a convolution that has one."""
    assert convolution.bias is not None
    return convolution.bias
