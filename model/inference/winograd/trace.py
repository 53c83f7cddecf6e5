"""What a network's step computes, as expressions: the plain cells run once on symbols.

The equations stand in :mod:`echocast.model.network.cells` and its neighbours alone. Here their own
code is run with symbols in place of tensors; what comes out says which kernels are applied to
which memory and what is multiplied with what. Known zeros (the memories before the first step)
vanish on the way, and so does all work on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from echocast.model.errors import ModelError
from echocast.model.network.gates import LayerState
from echocast.model.network.network import Network, State


class Untraceable(ModelError):
    """The step does something that has no fast form."""


@dataclass(frozen=True, eq=False)
class Symbol:
    """One value of a step, (batch, channels, height, width).

    Args:
        kind: ``input``, ``zero``, ``constant``, ``convolution``, ``stack``, ``add``, ``subtract``,
            ``multiply``, ``sigmoid`` or ``tanh``.
        channels: Its channels; 0 where a constant fits any.
        parts: The symbols it is made of.
        weight: Kernels of a convolution (out, in, k, k), or values of a constant (channels or 1,
            rows or 1, columns or 1).
    """

    kind: str
    channels: int
    parts: tuple[Symbol, ...] = ()
    weight: Tensor | None = None

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(function, "__name__", "").strip("_")
        if name not in RULES:
            raise Untraceable(f"The step calls {name!r}, which has no fast form.")
        return RULES[name](*args, **({} if name == "conv2d" else kwargs or {}))

    def __add__(self, other: Self | Tensor | float) -> Symbol:
        return add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Self | Tensor | float) -> Symbol:
        return subtract(self, other)

    def __rsub__(self, other: Tensor | float) -> Symbol:
        return subtract(other, self)

    def __mul__(self, other: Self | Tensor | float) -> Symbol:
        return multiply(self, other)

    __rmul__ = __mul__

    def chunk(self, count: int, dim: int) -> tuple[Symbol, ...]:
        """Equal parts along the channels."""
        assert dim == 1
        size = self.channels // count
        return tuple(channels_of(self, k * size, (k + 1) * size) for k in range(count))


Operand = Symbol | Tensor | float


def zero(channels: int) -> Symbol:
    """A value known to be zero."""
    return Symbol("zero", channels)


def symbol(value: Operand) -> Symbol:
    """Numbers and parameters as constants."""
    if isinstance(value, Symbol):
        return value
    values = torch.as_tensor(value, dtype=torch.float32).detach()
    return Symbol("constant", 0, weight=values.reshape((-1, *values.shape[1:], 1, 1)[:3]))


def add(a: Operand, b: Operand) -> Symbol:
    """a + b."""
    a, b = symbol(a), symbol(b)
    if a.kind == "zero":
        return b
    if b.kind == "zero" or (b.weight is not None and b.kind == "constant" and not b.weight.any()):
        return a
    return Symbol("add", a.channels or b.channels, (a, b))


def subtract(a: Operand, b: Operand) -> Symbol:
    """a - b."""
    a, b = symbol(a), symbol(b)
    return a if b.kind == "zero" else Symbol("subtract", a.channels or b.channels, (a, b))


def multiply(a: Operand, b: Operand) -> Symbol:
    """a times b, element by element."""
    a, b = symbol(a), symbol(b)
    if "zero" in (a.kind, b.kind):
        return zero(a.channels or b.channels)
    return Symbol("multiply", a.channels or b.channels, (a, b))


def convolve(x: Symbol, weight: Tensor, bias: Tensor | None = None, *_: Any) -> Symbol:
    """A convolution of a stack is the sum of its parts' convolutions; one of zero is its bias."""
    weight = weight.detach()
    if x.kind == "stack":
        sizes = [part.channels for part in x.parts]
        pairs = zip(x.parts, torch.split(weight, sizes, 1), strict=True)
        first, *others = (convolve(part, columns) for part, columns in pairs)
        total = first
        for other in others:
            total = add(total, other)
    elif x.kind == "zero":
        total = zero(len(weight))
    else:
        total = Symbol("convolution", len(weight), (x,), weight)
    if bias is None:
        return total
    constant = Symbol("constant", len(weight), weight=bias.detach()[:, None, None])
    return add(total, constant)


def channels_of(value: Symbol, start: int, stop: int) -> Symbol:
    """Some channels of a (sum of) convolutions."""
    if value.kind == "zero":
        return zero(stop - start)
    if value.kind == "add":
        return add(*(channels_of(part, start, stop) for part in value.parts))
    if value.kind in ("convolution", "constant"):
        assert value.weight is not None
        return Symbol(value.kind, stop - start, value.parts, value.weight[start:stop])
    raise Untraceable(f"The step takes channels of a {value.kind!r}.")


def stack(values: Sequence[Symbol], dim: int) -> Symbol:
    """Values above each other along the channels."""
    assert dim == 1
    return Symbol("stack", sum(value.channels for value in values), tuple(values))


def activate(kind: str, value: Symbol) -> Symbol:
    """A nonlinearity; tanh of zero is zero."""
    if value.kind == "zero" and kind == "tanh":
        return value
    if value.kind == "zero":
        return Symbol("constant", value.channels, weight=torch.full((1, 1, 1), 0.5))
    return Symbol(kind, value.channels, (value,))


RULES: Mapping[str, Callable[..., Any]] = {
    "add": add,
    "radd": add,
    "sub": subtract,
    "rsub": lambda a, b: subtract(b, a),
    "mul": multiply,
    "rmul": multiply,
    F.conv2d.__name__: convolve,
    "cat": stack,
    "sigmoid": lambda x: activate("sigmoid", x),
    "tanh": lambda x: activate("tanh", x),
}


@dataclass(frozen=True, eq=False)
class Traced:
    """A step as expressions.

    Args:
        X: The symbol of the network's input.
        memories: Symbols of the memories at t-1 by name, those that are read at all.
        out: Head output.
        new_memories: Memories at t by name.
    """

    X: Symbol
    memories: Mapping[str, Symbol]
    out: Symbol
    new_memories: Mapping[str, Symbol]

    def read(self) -> list[str]:
        """Names of the memories that reach the head at this or any later step."""
        names = {memory: name for name, memory in self.memories.items()}
        visited: set[Symbol] = set()
        waiting = [self.out]
        while waiting:
            value = waiting.pop()
            if value not in visited:
                visited.add(value)
                waiting += value.parts
                if value in names:
                    waiting.append(self.new_memories[names[value]])
        return [name for name, memory in self.memories.items() if memory in visited]


def trace(network: Network, planes: int, *, started: bool) -> Traced:
    """Run a network's step on symbols.

    Args:
        network: Whose step.
        planes: Channels of X.
        started: False for the first step, whose memories are zero.

    Raises:
        Untraceable: The step does something that has no fast form.
    """
    widths = network.memory_channels()
    kind = "input" if started else "zero"

    def memory(channels: int) -> Any:
        return Symbol(kind, channels)

    layers = tuple(LayerState(*(memory(C) for _ in LayerState._fields)) for C in widths[:-1])
    old: Any = State(layers, memory(widths[-1]), started)
    X: Any = Symbol("input", planes)
    out: Any
    out, new = network.step(X, old)
    return Traced(X, named(old), out, named(new))


def named(state: State) -> dict[str, Any]:
    """Memories by name: ``H0``, ``C0``, ... of the layers, and ``M``."""
    layers = {
        f"{name}{number}": memory
        for number, layer in enumerate(state.layers)
        for name, memory in layer._asdict().items()
    }
    return {**layers, "M": state.M}
