"""Which steps of a network to use, compiled or plain: measured when it is loaded.

On a golden input the compiled steps must agree with the plain ones; otherwise they are never used.
Those that agree are used unless the plain steps are clearly faster on this machine. Without numba
the plain steps serve.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from echocast.model.inference.winograd.steps import FastSteps
from echocast.model.inference.winograd.trace import Untraceable
from echocast.model.network.network import Network, Recurrence

TOLERANCE = 1e-4  # root mean square difference from plain, in standard deviations of plain
GOLDEN_GRID = (24, 28)  # patches; not a multiple of every tile
GOLDEN_STEPS = 5
UNTIMED_STEPS = 2  # the first is shorter, the second one warms up
TILE = 4  # side of a tile
KERNELS = (3, 5)  # that have compiled steps
WORTH_IT = 1.15  # plain steps have to be so much faster: noise must not choose

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SelectedSteps:
    """How a network's steps are computed, and why.

    Args:
        steps: What computes them.
        name: ``plain`` or e.g. ``compiled-4``.
        disagreement: By candidate: difference from plain on the golden input, in its deviations.
    """

    steps: Recurrence
    name: str = "plain"
    disagreement: Mapping[str, float] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[str, ...]:
        """Candidates that disagree with plain."""
        return tuple(name for name, value in self.disagreement.items() if not value <= TOLERANCE)


@torch.inference_mode()
def choose_steps(
    network: Network, candidates: Mapping[str, Recurrence] | None = None
) -> SelectedSteps:
    """The steps of a network to use: fast, and in agreement with the plain ones.

    Args:
        network: In evaluation mode, on the device where it will run.
        candidates: Steps to try, the most promising first; by default those of :func:`fast_steps`.
    """
    plain = SelectedSteps(network)
    if candidates is None:
        candidates = fast_steps(network)
    if not candidates:
        return plain
    golden = golden_input(network)
    (expected, *actual), seconds = in_turns([network, *candidates.values()], golden)
    disagreement = {
        name: difference(expected, out) for name, out in zip(candidates, actual, strict=True)
    }
    plain = SelectedSteps(network, disagreement=disagreement)
    for name in plain.refused:
        log.warning(
            "The fast path %r differs from the plain network by %.1e deviations on the golden"
            " input; it is switched off.",
            name,
            disagreement[name],
        )
    medians = dict(zip(("plain", *candidates), map(statistics.median, seconds), strict=True))
    best, *others = *(name for name in candidates if name not in plain.refused), "plain"
    for name in others:
        if medians[best] > WORTH_IT * medians[name]:
            best = name
    if best == "plain":
        return plain
    return SelectedSteps(candidates[best], best, disagreement)


def fast_steps(network: Network) -> dict[str, Recurrence]:
    """What may be faster than the plain steps: compiled ones, in float32 on a CPU with numba."""
    parameter = network.head.weight
    on_cpu = parameter.device.type == "cpu" and parameter.dtype == torch.float32
    if not on_cpu or network.config.kernel not in KERNELS:
        return {}
    try:
        return {f"compiled-{TILE}": FastSteps(network, TILE)}
    except Untraceable as reason:
        log.info("%s", reason)
        return {}


def golden_input(network: Network) -> list[Tensor]:
    """Inputs of some steps, always the same: (1, planes, height, width) each."""
    generator = torch.Generator().manual_seed(1)
    shape = (1, network.planes, *(network.config.grid or GOLDEN_GRID))
    device = network.head.weight.device
    return [torch.rand(shape, generator=generator).to(device) for _ in range(GOLDEN_STEPS)]


def outputs(steps: Recurrence, inputs: Sequence[Tensor]) -> Tensor:
    """Head outputs of successive steps, (steps, batch, planes, height, width)."""
    return in_turns([steps], inputs)[0][0]


def difference(expected: Tensor, actual: Tensor) -> float:
    """Root mean square difference in standard deviations of what is expected; NaN disagrees."""
    deviation = max(float(expected.std()), torch.finfo(torch.float32).tiny)
    apart = float((actual - expected).square().mean().sqrt())
    return apart / deviation if math.isfinite(apart) else math.inf


def in_turns(
    forms: Sequence[Recurrence], inputs: Sequence[Tensor]
) -> tuple[list[Tensor], list[list[float]]]:
    """Successive steps of several forms, which take turns on a noisy machine.

    Returns:
        Per form its head outputs, (steps, batch, planes, height, width), and the seconds of each
        step but the first ones.
    """
    states = [steps.initial_state(len(inputs[0]), *inputs[0].shape[2:]) for steps in forms]
    outs: list[list[Tensor]] = [[] for _ in forms]
    seconds: list[list[float]] = [[] for _ in forms]
    for X in inputs:
        for number, steps in enumerate(forms):
            started = time.perf_counter()
            out, states[number] = steps.step(X, states[number])
            seconds[number].append(time.perf_counter() - started)
            outs[number].append(out)
    return [torch.stack(out) for out in outs], [times[UNTIMED_STEPS:] for times in seconds]
