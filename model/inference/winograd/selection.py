"""Which form of a network's steps to use: measured when it is loaded, judged by the plain one.

On a golden input every candidate must agree with the plain steps; one that does not is never used.
Of those that agree, the likeliest is used unless another one is clearly faster on this machine;
the plain steps are the last candidate.
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
GOLDEN_STEPS = 3
TIMED_STEPS = 4
TILES: Mapping[int, tuple[int, ...]] = {3: (4, 6), 5: (4,)}  # kernel -> tile sides worth a trial
COMPILED_TILE = 4
WORTH_IT = 1.15  # a less likely form has to be so much faster: noise must not choose

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """How a network's steps are computed, and why.

    Args:
        steps: What computes them.
        name: ``plain`` or e.g. ``compiled-4``.
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
    """The form of a network's steps to use: fast, and in agreement with the plain one.

    Args:
        network: In evaluation mode, on the device where it will run.
        candidates: Forms to try, the likeliest first; by default those of :func:`fast_forms`.
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
    names, best = [*agreed, "plain"], 0
    medians = [*medians[1:], medians[0]]
    for number, median in enumerate(medians):
        if medians[best] > WORTH_IT * median:
            best = number
    if names[best] == "plain":
        return plain
    name = names[best]
    return Choice(agreed[name], name, medians[-1] / medians[best], disagreement)


def fast_forms(network: Network, *, compiled: bool | None = None) -> dict[str, Recurrence]:
    """What may be faster than the plain steps, the likeliest first.

    Args:
        network: Whose steps; only those in float32 on a CPU have a fast form.
        compiled: By numba's kernels (True), by torch's operations (False), or by both, in this
            order, where numba is installed.
    """
    parameter, k = network.head.weight, network.config.kernel
    if parameter.device.type != "cpu" or parameter.dtype != torch.float32:
        return {}
    forms: dict[str, Recurrence] = {}
    if compiled is not False and k in TILES:
        _try(forms, network, COMPILED_TILE, compiled=True)
    if not compiled:
        tiles = TILES.get(k, ())
        for m in tiles[:1] if forms else tiles:  # one more, should the kernels be refused
            _try(forms, network, m, compiled=False)
    return forms


def _try(forms: dict[str, Recurrence], network: Network, m: int, *, compiled: bool) -> None:
    """Add a form, if there is one."""
    try:
        steps = FastSteps(network, m, compiled=compiled)
    except Untraceable as reason:
        log.info("%s", reason)
    else:
        forms[f"{'compiled' if compiled else 'winograd'}-{m}"] = steps


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
