"""Plain steps against fast ones: every family, two widths, two kernels, two batches."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from benchmarks.machine import forget_peak, now
from echocast.model.cli.phases import peak_mib
from echocast.model.inference.winograd.selection import TOLERANCE, difference, fast_steps, outputs
from echocast.model.inference.winograd.trace import Symbol, trace
from echocast.model.network.config import FAMILIES, NetworkConfig
from echocast.model.network.network import Network, Recurrence

GRID = (16, 16)  # patches: frames of 64 x 64 pixels
STEPS = 19  # of a sequence: ten frames in, ten out
COMPARED_STEPS = 3


class NetworkCase(NamedTuple):
    """One row of the table."""

    family: str
    width: int
    kernel: int
    batch: int


def cases(
    families: Sequence[str] = FAMILIES,
    widths: Sequence[int] = (64, 128),
    kernels: Sequence[int] = (5, 3),
    batches: Sequence[int] = (1, 4),
) -> list[NetworkCase]:
    """All rows, or some of them: MIM first, then narrow networks before wide ones."""
    cases = map(NetworkCase._make, itertools.product(families, widths, kernels, batches))
    return sorted(cases, key=lambda case: (case.family != "mim", case.width))


@torch.inference_mode()
def measure(
    case: NetworkCase, peak_gflops: float, rounds: int, device: str = "cpu"
) -> dict[str, Any]:
    """One row: the forms take turns step by step, so that a busy machine slows all alike.

    Args:
        case: Which network, and how many sequences at once.
        peak_gflops: What this machine reaches in a convolution.
        rounds: Timed steps of each form, at least 3.
        device: Where it runs.

    Returns:
        Plain JSON values; the fast form's are null where there is none. Milliseconds are of a step
        after the first, medians of ``rounds``, on the clock and of the processor over all threads.
    """
    torch.manual_seed(1)
    config = NetworkConfig(case.family, hidden_channels=case.width, kernel=case.kernel)
    network = Network(config).eval().to(device)
    forms = {"plain": network, **fast_steps(network)}
    inputs = list(torch.rand(STEPS, case.batch, network.planes, *GRID, device=device))
    steps = _steps(forms, inputs, rounds, device)
    operations = floating_point_operations(network, case.batch)
    row = {**case._asdict(), "gflop": operations / 1e9, "rounds": rounds, "fast": None}
    for name, made in steps.items():
        row["plain" if name == "plain" else "fast"] = _figures(made, operations, peak_gflops)
    if others := [name for name in forms if name != "plain"]:
        (fast,) = others
        row["fast_form"] = fast
        pairs = list(zip(steps["plain"], steps[fast], strict=True))
        row["ratio"] = statistics.median(plain.seconds / other.seconds for plain, other in pairs)
        row["processor_ratio"] = statistics.median(
            plain.processor / other.processor for plain, other in pairs
        )
        few = inputs[:COMPARED_STEPS]
        row["disagreement"] = difference(outputs(network, few), outputs(forms[fast], few))
        row["agrees"] = row["disagreement"] <= TOLERANCE
    return row


class Step(NamedTuple):
    """One step of one form: seconds on the clock and of the processor, and the peak memory."""

    seconds: float
    processor: float
    peak_mib: float


def _steps(
    forms: Mapping[str, Recurrence], inputs: Sequence[torch.Tensor], rounds: int, device: str
) -> dict[str, list[Step]]:
    """Per form ``rounds`` steps of one sequence, after a first one and one that warms up."""
    states = {name: form.initial_state(len(inputs[0]), *GRID) for name, form in forms.items()}
    steps: dict[str, list[Step]] = {name: [] for name in forms}
    for turn in range(rounds + 2):
        for name, form in forms.items():
            forget_peak()
            started, worked = now(device), time.process_time()
            _, states[name] = form.step(inputs[turn % STEPS], states[name])
            seconds = now(device) - started, time.process_time() - worked
            steps[name].append(Step(*seconds, peak_mib()))
    return {name: made[2:] for name, made in steps.items()}


def _figures(steps: Sequence[Step], operations: float, peak_gflops: float) -> dict[str, float]:
    """Milliseconds, speed and memory of one form.

    The speed counts the plain convolutions' operations for both forms.
    """
    seconds = statistics.median(step.seconds for step in steps)
    gflops = operations / seconds / 1e9
    return {
        "ms": 1e3 * seconds,
        "processor_ms": 1e3 * statistics.median(step.processor for step in steps),
        "gflops": gflops,
        "share_of_peak": gflops / peak_gflops,
        "mib_first": steps[0].peak_mib,
        "mib_last": steps[-1].peak_mib,
    }


def floating_point_operations(network: Network, batch: int) -> float:
    """Of the convolutions of a step, computed plainly."""
    traced = trace(network, network.planes, started=True)
    visited: set[Symbol] = set()
    waiting = [traced.out, *traced.new_memories.values()]
    weights = 0
    while waiting:
        value = waiting.pop()
        if value not in visited:
            visited.add(value)
            waiting += value.parts
            if value.kind == "convolution" and value.weight is not None:
                weights += value.weight.numel()
    return 2.0 * weights * GRID[0] * GRID[1] * batch


COLUMNS = (
    *("family", "width", "kernel", "batch", "GFLOP a step", "n"),
    *("plain ms", "CPU ms", "GFLOP/s", "of peak"),
    *("fast ms", "CPU ms", "GFLOP/s", "of peak"),
    *("plain / fast", "by CPU", "differs by", "MiB, first to last step"),
)
KEY = len(NetworkCase._fields)


def cells(row: Mapping[str, Any]) -> list[object]:
    """A row for people, under :data:`COLUMNS`."""
    plain, fast = row["plain"], row["fast"]
    columns = [row["family"], row["width"], row["kernel"], row["batch"], f"{row['gflop']:.2f}"]
    columns += [row["rounds"], *_cells(plain), *(_cells(fast) if fast else ["-"] * 4)]
    if fast:
        columns += [f"{row['ratio']:.2f}", f"{row['processor_ratio']:.2f}"]
        columns += [f"{row['disagreement']:.0e}"]
    else:
        columns += ["-"] * 3
    last = fast or plain
    return [*columns, f"{last['mib_first']:.0f} to {last['mib_last']:.0f}"]


def _cells(figures: Mapping[str, float]) -> list[str]:
    return [
        f"{figures['ms']:.1f}",
        f"{figures['processor_ms']:.1f}",
        f"{figures['gflops']:.0f}",
        f"{figures['share_of_peak']:.0%}",
    ]
