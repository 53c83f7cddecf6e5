"""Small products of matrices, computed in registers: what all other products are made of.

A panel is some vectors of columns, for all rows of the right matrix one after the other.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from echocast.model.inference.winograd.simd import (
    MANY_REGISTERS,
    WIDTH,
    fetch,
    fill,
    load,
    spread,
    store,
)

BYTES = 4 * WIDTH  # of a vector
ROWS = 4  # of a product, at once
PANEL = 4 if MANY_REGISTERS else 2  # vectors of a row of a product, at once


@njit
def wide_block(a, a_stride, inner, w, out, out_stride, onto, soon, step):  # type: ignore[no-untyped-def]
    """Add 4 rows times a panel of 4 vectors to ``out``, in registers; ``onto`` 0: in its place.

    On the way it asks for memory that is needed soon, ``step`` bytes for every row of the panel.
    """
    zero = fill(np.float32(0))
    o0, o1, o2, o3 = out, out + out_stride, out + 2 * out_stride, out + 3 * out_stride
    c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = zero
    c20 = c21 = c22 = c23 = c30 = c31 = c32 = c33 = zero
    if onto:
        c00, c01, c02, c03 = load(o0), load(o0 + BYTES), load(o0 + 2 * BYTES), load(o0 + 3 * BYTES)
        c10, c11, c12, c13 = load(o1), load(o1 + BYTES), load(o1 + 2 * BYTES), load(o1 + 3 * BYTES)
        c20, c21, c22, c23 = load(o2), load(o2 + BYTES), load(o2 + 2 * BYTES), load(o2 + 3 * BYTES)
        c30, c31, c32, c33 = load(o3), load(o3 + BYTES), load(o3 + 2 * BYTES), load(o3 + 3 * BYTES)
    a0, a1, a2, a3 = a, a + a_stride, a + 2 * a_stride, a + 3 * a_stride
    for k in range(inner):
        at, row = 4 * k, w + 4 * BYTES * k
        w0, w1, w2, w3 = load(row), load(row + BYTES), load(row + 2 * BYTES), load(row + 3 * BYTES)
        fetch(soon + k * step)
        fetch(soon + k * step + step // 2)
        x = spread(a0 + at)
        c00, c01, c02, c03 = c00 + x * w0, c01 + x * w1, c02 + x * w2, c03 + x * w3
        x = spread(a1 + at)
        c10, c11, c12, c13 = c10 + x * w0, c11 + x * w1, c12 + x * w2, c13 + x * w3
        x = spread(a2 + at)
        c20, c21, c22, c23 = c20 + x * w0, c21 + x * w1, c22 + x * w2, c23 + x * w3
        x = spread(a3 + at)
        c30, c31, c32, c33 = c30 + x * w0, c31 + x * w1, c32 + x * w2, c33 + x * w3
    store(o0, c00), store(o0 + BYTES, c01), store(o0 + 2 * BYTES, c02), store(o0 + 3 * BYTES, c03)
    store(o1, c10), store(o1 + BYTES, c11), store(o1 + 2 * BYTES, c12), store(o1 + 3 * BYTES, c13)
    store(o2, c20), store(o2 + BYTES, c21), store(o2 + 2 * BYTES, c22), store(o2 + 3 * BYTES, c23)
    store(o3, c30), store(o3 + BYTES, c31), store(o3 + 2 * BYTES, c32), store(o3 + 3 * BYTES, c33)


@njit
def block(a, a_stride, inner, w, out, out_stride, onto, soon, step):  # type: ignore[no-untyped-def]
    """Like :func:`wide_block`, for a panel of 2 vectors."""
    zero = fill(np.float32(0))
    o0, o1, o2, o3 = out, out + out_stride, out + 2 * out_stride, out + 3 * out_stride
    c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = zero
    if onto:
        c00, c01, c10, c11 = load(o0), load(o0 + BYTES), load(o1), load(o1 + BYTES)
        c20, c21, c30, c31 = load(o2), load(o2 + BYTES), load(o3), load(o3 + BYTES)
    a0, a1, a2, a3 = a, a + a_stride, a + 2 * a_stride, a + 3 * a_stride
    for k in range(inner):
        at, row = 4 * k, w + 2 * BYTES * k
        w0, w1 = load(row), load(row + BYTES)
        fetch(soon + k * step)
        x0, x1, x2, x3 = spread(a0 + at), spread(a1 + at), spread(a2 + at), spread(a3 + at)
        c00, c01, c10, c11 = c00 + x0 * w0, c01 + x0 * w1, c10 + x1 * w0, c11 + x1 * w1
        c20, c21, c30, c31 = c20 + x2 * w0, c21 + x2 * w1, c30 + x3 * w0, c31 + x3 * w1
    store(o0, c00), store(o0 + BYTES, c01), store(o1, c10), store(o1 + BYTES, c11)
    store(o2, c20), store(o2 + BYTES, c21), store(o3, c30), store(o3 + BYTES, c31)
