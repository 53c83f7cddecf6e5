"""A network of any family: a stack of recurrent layers, and its roll-out as a generator.

M zigzags: up through the layers within a step, from the top layer back to the first layer of the
next step. H feeds the next layer and, diagonally, the differencing of the next layer one step on
(MIM equation (4)). A network owns parameters only; ``step`` takes and returns the state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from echocast.model.errors import ModelError
from echocast.model.network import convolutional
from echocast.model.network.config import CONTROL, NetworkConfig
from echocast.model.network.families import build_layers
from echocast.model.network.gates import LayerInput, LayerState

SCALE_DBZ = 70.0  # network value 1 stands for this reflectivity, 0 for 0 dBZ and below
INPUT_IMAGES = 3  # frame, extrapolated frame, validity
CONTEXT_PLANES = 3  # lead time, time step, pixel size: constant over the grid
SOFTPLUS_OF_ZERO = math.log(2.0)
INITIAL_GAIN = 0.3  # per dBZ: how fast probability falls with distance from a threshold


class State(NamedTuple):
    """All memories of a network: per layer, the zigzagging M, and whether a step was made yet."""

    layers: tuple[LayerState, ...]
    M: Tensor
    started: bool = True


class Context(NamedTuple):
    """What a window is, beside its values; each of shape (batch,).

    Args:
        step_minutes: Time between frames.
        pixel_km: Side of a pixel.
    """

    step_minutes: Tensor
    pixel_km: Tensor


class FramePrediction(NamedTuple):
    """One predicted frame.

    Args:
        frame: (batch, channel, height, width) in network scale, not clipped.
        exceedance_logits: (batch, threshold, height, width), falling with the threshold.
    """

    frame: Tensor
    exceedance_logits: Tensor


class Recurrence(Protocol):
    """What computes a network's steps; only it reads its state."""

    def initial_state(self, batch: int, height: int, width: int) -> Any:
        """Memories before the first step, for grids of ``height`` x ``width`` patches."""

    def step(self, X: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Patches and memories at t-1 to head output and memories at t."""

    def advance(self, X: Tensor, state: Any) -> Any:
        """The memories at t alone, for a step whose output is not used."""


class Network(nn.Module):
    """A stack of recurrent layers between patches in and patches out."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        cell = config.image_channels * config.patch**2
        viewed = (INPUT_IMAGES + convolutional.MORE_IMAGES) * cell + CONTEXT_PLANES
        planes = INPUT_IMAGES * cell + CONTEXT_PLANES if config.residual else cell
        self.planes = viewed if config.family == CONTROL else planes
        self.layers = nn.ModuleList(build_layers(config, self.planes))
        outputs = 1 + len(config.exceedance_thresholds_dbz)
        self.head = nn.Conv2d(config.widths[-1], outputs * cell, 1, bias=config.residual)
        self.log_gain = nn.Parameter(torch.full((outputs - 1,), INITIAL_GAIN).log())
        if config.residual:  # starts as pure extrapolation
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.control: nn.Module | None = None
        if config.control_widths:
            self.control = convolutional.Control(
                viewed, config.control_widths, config.kernel, outputs * cell
            )

    def initial_state(self, batch: int, height: int, width: int) -> State:
        """Zero memories for grids of ``height`` x ``width`` patches.

        Raises:
            ModelError: The weights are tied to another grid.
        """
        self.check_grid(height, width)
        *layers, M = (self._zeros(batch, C, height, width) for C in self.memory_channels())
        return State(tuple(LayerState(*[zero] * 5) for zero in layers), M, started=False)

    def check_grid(self, height: int, width: int) -> None:
        """Refuse a grid of patches that the weights do not belong to.

        Raises:
            ModelError: The weights are tied to another grid.
        """
        if self.config.grid not in (None, (height, width)):
            raise ModelError(
                f"The weights of this network belong to a grid of {self.config.grid} patches, so"
                f" it cannot forecast on {(height, width)}. Use a network of the paper's equations."
            )

    def memory_channels(self) -> tuple[int, ...]:
        """Channels of the memories: of each layer, and of M as it reaches the first layer."""
        first, *others = self.config.widths
        highway = [first] if self.config.family == "predrnn_plus" else []  # its z
        return (first, *highway, *others, self.config.widths[-1])

    def _zeros(self, batch: int, channels: int, height: int, width: int) -> Tensor:
        zero = self.head.weight.new_zeros(batch, channels, height, width)
        return zero.contiguous(memory_format=torch.channels_last)

    def step(self, X: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step, MIM equation (4).

        Args:
            X: (batch, planes, height, width) in patches.
            state: Memories at t-1.

        Returns:
            Head output (batch, outputs * patch^2, height, width) and the memories at t.
        """
        reference = self.config.equations == "reference"
        above, memories = LayerInput(X, None, state.M), []
        for layer, memory in zip(self.layers, state.layers, strict=True):
            above, memory = layer(above, memory)
            memories.append(memory)
            if reference and not state.started:  # the public code differences from step 2 on
                above = above._replace(difference=None)
        if self.config.family == "predrnn_memory":  # H returns from the top, as M does
            memories[0] = memories[0]._replace(H=above.H)
        return self.head(above.H), State(tuple(memories), above.M, started=True)

    def advance(self, X: Tensor, state: State) -> State:
        """The memories of :meth:`step` alone."""
        return self.step(X, state)[1]

    def roll_out(
        self,
        frames: Tensor,
        bases: Sequence[Tensor],
        valid: Tensor,
        context: Context,
        *,
        inputs: int | None = None,
        truth_share: Tensor | None = None,
        recurrence: Recurrence | None = None,
        first: int = 0,
    ) -> Iterator[FramePrediction]:
        """Predict frame after frame: the successor of every input, then on from its own output.

        Args:
            frames: (batch, time, channel, height, width) in network scale, missing pixels 0; height
                and width are multiples of the patch.
            bases: What extrapolation says of frame t + 1, for t = 0, 1, ...; each (batch, channel,
                height, width). As many predictions are made as there are bases.
            valid: Like ``frames``: 1 where observed, 0 where missing.
            context: Step and pixel size of every window.
            inputs: Frames that are input, by default all; the network sees later ones only as far
                as ``truth_share`` says.
            truth_share: (batch, predictions): how much of a step's input is the frame, the rest is
                the prediction before it (scheduled sampling), as are the missing pixels of frames
                after the inputs; by default all of it in the inputs, and nothing afterwards. Before
                the newest input, where a base is the frame itself, it is what is fed instead.
            recurrence: Computes the steps; by default the network itself.
            first: Predictions before this one are not made: only such as no later step is fed with,
                so less than the frames, and none with ``truth_share``.

        Yields:
            Predictions of frame ``first + 1`` and so on.
        """
        batch, given, _, height, width = frames.shape
        observed = given if inputs is None else inputs
        steps: Recurrence = recurrence or self
        state = steps.initial_state(batch, height // self.config.patch, width // self.config.patch)
        frame = view = frames[:, 0]
        for t, base in enumerate(bases):
            newest = min(t, observed - 1)
            if truth_share is not None and t < given:
                share = truth_share[:, t, None, None, None]
                share = share if t < observed else share * valid[:, t]
                frame = share * frames[:, t] + (1 - share) * frame
                base = frame if t < observed - 1 else base
            elif t < observed:
                frame = frames[:, t]
            viewed = self.config.family == CONTROL or (self.control is not None and t >= first)
            if viewed and t < observed:
                view = convolutional.view(frames[:, : t + 1], SCALE_DBZ)
            beside = base, valid[:, newest], context, t - newest
            X = self._planes(view if self.config.family == CONTROL else frame, *beside)
            if t < first:
                state = steps.advance(X, state)
                continue
            out, state = steps.step(X, state)
            if self.control is not None:
                out = out + self.control(self._planes(view, *beside))
            prediction = self._interpret(out, base)
            frame = prediction.frame.clamp(0, 1) if self.config.residual else prediction.frame
            yield prediction

    def _planes(
        self, frame: Tensor, base: Tensor, valid: Tensor, context: Context, ahead: int
    ) -> Tensor:
        """The network's input at one step, (batch, planes, height, width) in patches."""
        patch = self.config.patch
        if not self.config.residual:
            return space_to_depth(frame, patch)
        folded = F.pixel_unshuffle(torch.cat([frame, base, valid], 1), patch)
        lead = _inside(ahead * context.step_minutes, self.config.trained_lead_minutes)
        step = _inside(context.step_minutes, self.config.trained_step_minutes)
        pixel = _inside(context.pixel_km, self.config.trained_pixel_km)
        scalars = torch.stack([lead / 60, step / 10, pixel.log2()], 1)
        constant = scalars[:, :, None, None].expand(-1, -1, *folded.shape[2:])
        planes = torch.cat([folded, constant.to(folded.dtype)], 1)
        return planes.contiguous(memory_format=torch.channels_last)

    def _interpret(self, out: Tensor, base: Tensor) -> FramePrediction:
        """Head output to a frame and exceedance logits, in pixels.

        The logits start at gain * (base - first threshold) and fall from threshold to threshold by
        a positive amount, so that probabilities never rise with the threshold.
        """
        if not self.config.residual:
            frame = depth_to_space(out, self.config.patch)
            return FramePrediction(frame, frame[:, :0])
        channels = F.pixel_shuffle(out, self.config.patch)
        thresholds = self.config.exceedance_thresholds_dbz
        frame = base + channels[:, :1]
        if not thresholds:
            return FramePrediction(frame, channels[:, 1:])
        spacing = channels.new_tensor(thresholds).diff(prepend=channels.new_zeros(1))
        gain = self.log_gain.exp()
        raw = channels[:, 1:]
        first = gain[0] * (SCALE_DBZ * base - thresholds[0]) + raw[:, :1]
        falls = (gain * spacing)[1:, None, None] * (F.softplus(raw[:, 1:]) / SOFTPLUS_OF_ZERO)
        return FramePrediction(frame, torch.cat([first, first - falls.cumsum(1)], 1))


def _inside(values: Tensor, bounds: tuple[float, float] | None) -> Tensor:
    """The nearest values that training covers: outside it a plane has unknown effects."""
    return values if bounds is None else values.clamp(*bounds)


def space_to_depth(images: Tensor, patch: int) -> Tensor:
    """Squares of pixels into channels: channel = (row * patch + column) * image channels + c."""
    batch, channels, height, width = images.shape
    folded = F.pixel_unshuffle(images, patch).reshape(
        batch, channels, patch**2, height // patch, width // patch
    )
    return folded.transpose(1, 2).flatten(1, 2)


def depth_to_space(patches: Tensor, patch: int) -> Tensor:
    """What :func:`space_to_depth` folded, back in place."""
    batch, channels, height, width = patches.shape
    parts = patches.reshape(batch, patch**2, channels // patch**2, height, width)
    return F.pixel_shuffle(parts.transpose(1, 2).flatten(1, 2), patch)


def channels_last(network: Network) -> Network:
    """The same network with its weights laid out channels last, which CPUs and GPUs prefer."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
