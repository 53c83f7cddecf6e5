"""Vectors of float32 as values in compiled code: loaded, computed with and stored as one.

What a kernel keeps in registers is written down, not left to the compiler. A place in memory is an
address in bytes, an int64; vectors lie at any address.
"""

# numba is not typed.
# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

_FEATURES = llvmlite.binding.get_host_cpu_features()
WIDTH = 16 if _FEATURES.get("avx512f") else 8 if _FEATURES.get("avx2") else 4
MANY_REGISTERS = WIDTH != 8  # 32 of them; AVX2 has 16

_FLOAT, _INDEX = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_FUSED = ("contract",)  # a product and a sum may become one operation

# tanh(x) = x p(x^2) / q(x^2) within 3e-7 on [-7.9, 7.9] (Eigen's minimax coefficients).
TANH_BOUND = np.float32(7.90531110763549805)
TANH_P = np.array(
    [
        -2.76076847742355e-16,
        2.00018790482477e-13,
        -8.60467152213735e-11,
        5.12229709037114e-08,
        1.48572235717979e-05,
        6.37261928875436e-04,
        4.89352455891786e-03,
    ],
    np.float32,
)
TANH_Q = np.array(
    [1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03],
    np.float32,
)


class LanesType(types.Type):
    """The type of ``WIDTH`` float32 side by side."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes{WIDTH}")


LANES = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, _VECTOR)


def _pointer(builder: ir.IRBuilder, address: ir.Value, to: ir.Type) -> ir.Value:
    return builder.inttoptr(address, to.as_pointer())


def _filled(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_INDEX, 0))
    zeros = ir.Constant(ir.VectorType(_INDEX, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, undefined, zeros)


@intrinsic
def load(_: Any, address: Any) -> Any:
    """The vector at an address."""

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.load(_pointer(builder, arguments[0], _VECTOR), align=4)

    return LANES(address), code


@intrinsic
def store(_: Any, address: Any, vector: Any) -> Any:
    """Write a vector to an address."""

    def code(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        builder.store(arguments[1], _pointer(builder, arguments[0], _VECTOR), align=4)
        return context.get_dummy_value()

    return types.void(address, vector), code


@intrinsic
def spread(_: Any, address: Any) -> Any:
    """The one number at an address, in all lanes."""

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return _filled(builder, builder.load(_pointer(builder, arguments[0], _FLOAT), align=4))

    return LANES(address), code


@intrinsic
def fill(_: Any, number: Any) -> Any:
    """A float32 in all lanes."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = context.cast(builder, arguments[0], signature.args[0], types.float32)
        return _filled(builder, value)

    return LANES(number), code


@intrinsic
def fetch(_: Any, address: Any) -> Any:
    """Ask for the memory at an address, which is read soon."""

    def code(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INDEX, _INDEX, _INDEX])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep, data = (ir.Constant(_INDEX, value) for value in (0, 3, 1))
        builder.call(function, [builder.inttoptr(arguments[0], byte), read, keep, data])
        return context.get_dummy_value()

    return types.void(address), code


def _fused(name: str) -> Callable[..., ir.Value]:
    """What builds an instruction of two vectors."""
    return lambda builder, a, b: getattr(builder, name)(a, b, flags=_FUSED)


def _operator(symbol: Callable[..., Any], build: Callable[..., ir.Value]) -> None:
    """Give vectors an operator of Python."""

    @infer_global(symbol)
    class OfLanes(ConcreteTemplate):
        cases = (signature(LANES, LANES, LANES),)

    @lower_builtin(symbol, LANES, LANES)
    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return build(builder, *arguments)


_operator(operator.add, _fused("fadd"))
_operator(operator.sub, _fused("fsub"))
_operator(operator.mul, _fused("fmul"))
_operator(operator.truediv, _fused("fdiv"))


@intrinsic
def clamped(_: Any, vector: Any, bound: Any) -> Any:
    """Values from -bound to bound; NaN stays NaN, being neither greater nor less."""

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        value, high = arguments
        low = builder.fneg(high)
        value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
        return builder.select(builder.fcmp_ordered("<", value, low), low, value)

    return LANES(vector, bound), code


@njit
def tanh(x):  # type: ignore[no-untyped-def]
    """Of a vector; NaN stays NaN."""
    x = clamped(x, fill(TANH_BOUND))
    square = x * x
    p, q = fill(TANH_P[0]), fill(TANH_Q[0])
    for k in range(1, 7):
        p = p * square + fill(TANH_P[k])
    for k in range(1, 4):
        q = q * square + fill(TANH_Q[k])
    return x * p / q
