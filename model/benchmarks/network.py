"""Plain steps against fast ones: every family, two widths, two kernels, two batches."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from model.benchmarks.machine import forget_peak, now, peak_mib
from model.config import FAMILIES, NetworkConfig
from model.fast.choice import TOLERANCE, difference, fast_forms, outputs
from model.fast.symbols import Symbol, trace
from model.networks import Network, Recurrence

GRID = (16, 16)  # patches: frames of 64 x 64 pixels
STEPS = 19  # ten frames in, ten out
FEW_STEPS = 5


class Case(NamedTuple):
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
) -> Iterator[Case]:
    """All rows, or some of them."""
    yield from map(Case._make, itertools.product(families, widths, kernels, batches))


@torch.inference_mode()
def measure(case: Case, peak_gflops: float, rounds: int, device: str = "cpu") -> dict[str, Any]:
    """One row: the forms take turns step by step, so that a busy machine slows all alike.

    Args:
        case: Which network, and how many sequences at once.
        peak_gflops: What this machine reaches in a convolution.
        rounds: Timed steps of each form.
        device: Where it runs.

    Returns:
        Plain JSON values; the fast form's are null where there is none. Milliseconds are of a
        whole sequence: the first step and 18 times the median of the others.
    """
    torch.manual_seed(1)
    config = NetworkConfig(case.family, hidden_channels=case.width, kernel=case.kernel)
    network = Network(config).eval().to(device)
    forms: dict[str, Recurrence] = {"plain": network, **fast_forms(network)}
    inputs = list(torch.rand(STEPS, case.batch, network.planes, *GRID, device=device))
    seconds = _seconds(forms, inputs, rounds, device)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    fast = min((name for name in forms if name != "plain"), key=medians.__getitem__, default=None)
    operations = floating_point_operations(network, case.batch)
    row = {**case._asdict(), "gflop": operations / 1e9, "fast_form": fast}
    for label, name in (("plain", "plain"), ("fast", fast)):
        row[label] = name and _figures(seconds[name], operations, peak_gflops, forms[name], inputs)
    if fast:
        pairs = zip(seconds["plain"][1:], seconds[fast][1:], strict=True)
        row["ratio"] = statistics.median(plain / other for plain, other in pairs)
        few = inputs[:FEW_STEPS]
        row["disagreement"] = difference(outputs(network, few), outputs(forms[fast], few))
        row["agrees"] = row["disagreement"] <= TOLERANCE
    return row


def _seconds(
    forms: dict[str, Recurrence], inputs: Sequence[torch.Tensor], rounds: int, device: str
) -> dict[str, list[float]]:
    """Per form seconds of the first step and of ``rounds`` others; one more warms up."""
    states = {name: form.initial_state(len(inputs[0]), *GRID) for name, form in forms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(rounds + 2):
        for name, form in forms.items():
            started = now(device)
            _, states[name] = form.step(inputs[turn % STEPS], states[name])
            seconds[name].append(now(device) - started)
    return {name: [times[0], *times[2:]] for name, times in seconds.items()}


def _figures(
    seconds: Sequence[float],
    operations: float,
    peak_gflops: float,
    form: Recurrence,
    inputs: Sequence[torch.Tensor],
) -> dict[str, float]:
    """Milliseconds, speed and memory of one form.

    The speed counts the plain convolutions' operations for both forms.
    """
    sequence = seconds[0] + (STEPS - 1) * statistics.median(seconds[1:])
    gflops = operations / sequence / 1e9
    return {
        "ms": 1e3 * sequence,
        "gflops": gflops,
        "share_of_peak": gflops / peak_gflops,
        f"mib_{FEW_STEPS}_steps": _peak_mib(form, inputs[:FEW_STEPS]),
        f"mib_{STEPS}_steps": _peak_mib(form, inputs),
    }


def _peak_mib(form: Recurrence, inputs: Sequence[torch.Tensor]) -> float:
    """Peak memory of this process during some steps."""
    forget_peak()
    state = form.initial_state(len(inputs[0]), *GRID)
    for X in inputs:  # noqa: N806
        _, state = form.step(X, state)
    return peak_mib()


def floating_point_operations(network: Network, batch: int) -> float:
    """Of the convolutions of a whole sequence, computed plainly; the first step counts in full."""
    traced = trace(network, network.planes, started=True)
    seen: set[Symbol] = set()
    waiting = [traced.out, *traced.new_memories.values()]
    weights = 0
    while waiting:
        value = waiting.pop()
        if value not in seen:
            seen.add(value)
            waiting += value.parts
            if value.kind == "convolution" and value.weight is not None:
                weights += value.weight.numel()
    return 2.0 * weights * GRID[0] * GRID[1] * batch * STEPS


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table for people."""
    head = (
        "| family | width | kernel | batch | GFLOP | plain ms | GFLOP/s | of peak | fast ms"
        " | GFLOP/s | of peak | plain / fast | differs by"
        " | plain MiB 5, 19 steps | fast MiB 5, 19 steps |"
    )
    lines = [head, "|---" * 15 + "|"]
    for row in rows:
        plain, fast = row["plain"], row["fast"]
        cells = [row["family"], row["width"], row["kernel"], row["batch"], f"{row['gflop']:.1f}"]
        cells += _cells(plain) + (_cells(fast) if fast else ["-"] * 3)
        cells += [f"{row['ratio']:.2f}", f"{row['disagreement']:.0e}"] if fast else ["-"] * 2
        cells += [_memory(plain), _memory(fast)]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _cells(figures: dict[str, float]) -> list[str]:
    return [
        f"{figures['ms']:.0f}",
        f"{figures['gflops']:.0f}",
        f"{figures['share_of_peak']:.0%}",
    ]


def _memory(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "-"
    few, all_ = (figures[f"mib_{steps}_steps"] for steps in (FEW_STEPS, STEPS))
    return f"{few:.0f}, {all_:.0f}"
