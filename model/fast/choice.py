"""Which form of a network's steps to use: measured when it is loaded, judged by the plain one.

On a golden input every candidate must agree with the plain steps; one that does not is never used.
Of those that agree, the fastest on this machine wins, and the plain steps are a candidate too.
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

from model.fast.recurrence import FastSteps
from model.fast.symbols import Untraceable
from model.networks import Network, Recurrence

TOLERANCE = 1e-4  # root mean square difference from plain, in standard deviations of plain
GOLDEN_GRID = (24, 28)  # patches; not a multiple of every tile
GOLDEN_STEPS = 3
TIMED_STEPS = 4
TILES: Mapping[int, tuple[int, ...]] = {3: (4, 6), 5: (4,)}  # kernel -> tile sides worth a trial

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """How a network's steps are computed, and why.

    Args:
        steps: What computes them.
        name: ``plain`` or e.g. ``winograd-4``.
        speedup: How many times faster than plain on the golden input.
        disagreement: By candidate: difference from plain on the golden input, in its deviations.
    """

    steps: Recurrence
    name: str = "plain"
    speedup: float = 1.0
    disagreement: Mapping[str, float] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[str, ...]:
        """Candidates that disagree with plain."""
        return tuple(name for name, value in self.disagreement.items() if not value <= TOLERANCE)


@torch.inference_mode()
def choose_steps(network: Network, candidates: Mapping[str, Recurrence] | None = None) -> Choice:
    """The fastest form of a network's steps that agrees with the plain one.

    Args:
        network: In evaluation mode, on the device where it will run.
        candidates: Forms to try; by default Winograd's in tiles of several sizes, on a CPU.
    """
    plain = Choice(network)
    if candidates is None:
        candidates = fast_forms(network)
    if not candidates:
        return plain
    golden = golden_input(network)
    expected = outputs(network, golden)
    disagreement = {
        name: difference(expected, outputs(steps, golden)) for name, steps in candidates.items()
    }
    plain = Choice(network, disagreement=disagreement)
    for name in plain.refused:
        log.warning(
            "The fast path %r differs from the plain network by %.1e deviations on the golden"
            " input; it is switched off.",
            name,
            disagreement[name],
        )
    agreed = {name: steps for name, steps in candidates.items() if name not in plain.refused}
    seconds = interleaved_seconds([network, *agreed.values()], golden, TIMED_STEPS)
    medians = [statistics.median(times) for times in seconds]
    best = min(range(len(medians)), key=medians.__getitem__)
    if best == 0:
        return plain
    name, steps = list(agreed.items())[best - 1]
    return Choice(steps, name, medians[0] / medians[best], disagreement)


def fast_forms(network: Network) -> dict[str, Recurrence]:
    """What may be faster than the plain steps: nothing where no fast form is known."""
    parameter = network.head.weight
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
        return {}
    try:
        return {
            f"winograd-{m}": FastSteps(network, m) for m in TILES.get(network.config.kernel, ())
        }
    except Untraceable as reason:
        log.info("No fast path: %s", reason)
        return {}


def golden_input(network: Network) -> list[Tensor]:
    """Inputs of some steps, always the same: (1, planes, height, width) each."""
    generator = torch.Generator().manual_seed(1)
    shape = (1, network.planes, *(network.config.grid or GOLDEN_GRID))
    device = network.head.weight.device
    return [torch.rand(shape, generator=generator).to(device) for _ in range(GOLDEN_STEPS)]


def outputs(steps: Recurrence, inputs: Sequence[Tensor]) -> Tensor:
    """Head outputs of successive steps, (steps, batch, planes, height, width)."""
    state = steps.initial_state(len(inputs[0]), *inputs[0].shape[2:])
    found = []
    for X in inputs:
        out, state = steps.step(X, state)
        found.append(out)
    return torch.stack(found)


def difference(expected: Tensor, found: Tensor) -> float:
    """Root mean square difference in standard deviations of what is expected; NaN disagrees."""
    deviation = max(float(expected.std()), torch.finfo(torch.float32).tiny)
    apart = float((found - expected).square().mean().sqrt())
    return apart / deviation if math.isfinite(apart) else math.inf


def interleaved_seconds(
    forms: Sequence[Recurrence], inputs: Sequence[Tensor], rounds: int
) -> list[list[float]]:
    """Seconds of single steps after the first, the forms taking turns on a noisy machine.

    Returns:
        Per form one time per round.
    """
    states = [steps.initial_state(len(inputs[0]), *inputs[0].shape[2:]) for steps in forms]
    seconds: list[list[float]] = [[] for _ in forms]
    for turn in range(rounds + 2):  # the first step is shorter, the second one warms up
        for number, steps in enumerate(forms):
            started = time.perf_counter()
            _, states[number] = steps.step(inputs[turn % len(inputs)], states[number])
            seconds[number].append(time.perf_counter() - started)
    return [times[2:] for times in seconds]
