"""In which order a traced step is computed: levels of sums of convolutions that can go together.

A sum of convolutions (a gate before its nonlinearity) needs the whole of what it reads, because
kernels reach to neighbours; all else is done element by element. A level is all sums whose sources
are known, and what follows from them element by element.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from echocast.model.inference.winograd.trace import Symbol, Untraceable


@dataclass(frozen=True, eq=False)
class Sum:
    """A gate before its nonlinearity: convolutions, a bias, and whole values that are added.

    Args:
        gate: The symbol that stands for it.
        terms: Source and kernels (out, in, k, k).
        bias: (channels,).
        extras: Values added as they are.
    """

    gate: Symbol
    terms: tuple[tuple[Symbol, Tensor], ...]
    bias: Tensor
    extras: tuple[Symbol, ...]

    @property
    def kernel(self) -> int:
        """Side of the kernels."""
        return self.terms[0][1].shape[2]

    @property
    def sources(self) -> tuple[Symbol, ...]:
        """What the convolutions read."""
        return tuple(source for source, _ in self.terms)


@dataclass(eq=False)
class Level:
    """What can be computed at once.

    Args:
        groups: Sums of convolutions; those over the same sources together, computed as one.
        outputs: Values that later levels or the caller need.
    """

    groups: list[list[Sum]] = field(default_factory=list)
    outputs: list[Symbol] = field(default_factory=list)


class Schedule:
    """The levels of a step."""

    def __init__(self, outputs: Iterable[Symbol]) -> None:
        self._outputs = list(outputs)
        self.sums: dict[Symbol, Sum] = {}
        self._depth: dict[Symbol, int] = {}
        for value in self._outputs:
            self._visit(value)
        self.levels = [Level() for _ in range(1 + max(self._depth.values()))]
        self._group()
        self._mark_outputs()

    def _visit(self, value: Symbol) -> int:
        """The level at which a value can be computed."""
        if value not in self._depth:
            if (sum_ := as_sum(value)) is not None:
                self.sums[value] = sum_
                depths = [self._visit(part) + 1 for part in self._reads(value)]
            else:
                depths = [self._visit(part) for part in value.parts]
            self._depth[value] = max(depths, default=0)
        return self._depth[value]

    @property
    def inputs(self) -> list[Symbol]:
        """What is given before the first level."""
        return [value for value in self._depth if value.kind == "input"]

    def _group(self) -> None:
        groups: dict[tuple[int, frozenset[Symbol], int], list[Sum]] = {}
        for gate, sum_ in self.sums.items():
            key = (self._depth[gate], frozenset(sum_.sources), sum_.kernel)
            groups.setdefault(key, []).append(sum_)
        for (depth, _, _), sums in groups.items():
            self.levels[depth].groups.append(sums)

    def _mark_outputs(self) -> None:
        """Find what outlives its level."""
        needed = set(self._outputs)
        for value, depth in self._depth.items():
            needed |= {part for part in self._reads(value) if depth > self._depth[part]}
        for value, depth in self._depth.items():
            if value in needed and value.kind not in ("input", "constant", "zero"):
                self.levels[depth].outputs.append(value)

    def _reads(self, value: Symbol) -> list[Symbol]:
        """The values that a value is computed from."""
        if (sum_ := self.sums.get(value)) is None:
            return list(value.parts)
        return [*(base for source in sum_.sources for base in bases(source)), *sum_.extras]


def bases(source: Symbol) -> tuple[Symbol, ...]:
    """The values a convolution's source is made of: transforms are linear, so differences keep."""
    return source.parts if source.kind == "subtract" else (source,)


def as_sum(value: Symbol) -> Sum | None:
    """A value as a sum of convolutions, None if there is none in it.

    Raises:
        Untraceable: Kernels of several sizes in one sum.
    """
    if value.kind not in ("add", "convolution"):
        return None
    terms: list[tuple[Symbol, Tensor]] = []
    extras: list[Symbol] = []
    bias = torch.zeros(value.channels)
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if part.kind == "add":
            waiting += part.parts
        elif part.kind == "convolution":
            assert part.weight is not None
            terms.append((part.parts[0], part.weight))
        elif part.kind == "constant" and part.weight is not None and part.weight[0].numel() == 1:
            bias = bias + part.weight.flatten().float().cpu()
        else:
            extras.append(part)
    if not terms:
        return None
    if len({weight.shape[2:] for _, weight in terms}) > 1:
        raise Untraceable("A gate adds convolutions of several kernel sizes.")
    return Sum(value, tuple(terms), bias, tuple(extras))
