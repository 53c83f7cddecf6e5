"""The inner loops of a fast step, compiled: to the points, the products there, and back.

Values lie tile by tile, (tiles, places, channels); the channels of a value are filled up to whole
vectors. Everything is given by its address in bytes; a stride is in bytes too. The sides m and n of
tiles come as the lengths of tuples: those are known when code is compiled, so that loops over them
are unrolled.

The points of :mod:`.transforms` are 0, pairs p and -p, and infinity. The sums at a pair
share their even and their odd terms, which halves the work.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from echocast.model.inference.winograd.kernel_cache import compiled
from echocast.model.inference.winograd.microkernel import BYTES, PANEL, ROWS, block, wide_block
from echocast.model.inference.winograd.simd import WIDTH, fetch, fill, load, store, tanh

LINE = 64  # bytes that come from memory at once

ADD, SUBTRACT, MULTIPLY, SIGMOID, TANH, COPY = range(6)  # codes of operations

# Columns of the tables. BASE is the number of an array; SCRATCH is that of the gates' scratch.
SCRATCH = 0
TILES, POINTS, CHANNELS = range(3)  # of ``values``
MINUEND, SUBTRAHEND, DIFFERENCE, TILE_BYTES = range(4)  # of ``differences``
FILTERED, FIRST_SOURCE, END_SOURCE, KERNELS, COLUMNS, FIRST_UNIT = range(6)  # of ``groups``
SOURCE, INNER, PLACE_BYTES = range(3)  # of ``sources``
BASE, STRIDE, OFFSET, PIXEL_BYTES, BIAS = range(5)  # of ``units``
CODE, LENGTH, RESULT, LEFT, RIGHT = 0, 1, 2, 5, 8  # of ``operations``; three columns a place


@njit
def line_to_points(x, x_stride, y, y_stride, B, N):  # type: ignore[no-untyped-def]
    """A line of n vectors to its n values at the points."""
    n = len(N)
    first = last = fill(np.float32(0))
    for i in range(0, n, 2):
        first = first + fill(B[0, i]) * load(x + i * x_stride)
        last = last + fill(B[n - 1, i + 1]) * load(x + (i + 1) * x_stride)
    for u in range(1, n - 1, 2):
        even = odd = fill(np.float32(0))
        for i in range(0, n, 2):
            even = even + fill(B[u, i]) * load(x + i * x_stride)
            odd = odd + fill(B[u, i + 1]) * load(x + (i + 1) * x_stride)
        store(y + u * y_stride, even + odd)
        store(y + (u + 1) * y_stride, even - odd)
    store(y, first)
    store(y + (n - 1) * y_stride, last)


@njit
def to_points(values, differences, given, arrays, near, first, last, x, B, N):  # type: ignore[no-untyped-def]
    """Values of some tiles at the points, (tiles, n * n, channels), and differences of such.

    Args:
        values: Per value: its array, (tiles, m * m, channels), which to write, and its channels,
            whole vectors.
        differences: Per difference: arrays of both values at the points, which to write, and bytes
            of a tile.
        given: Per array, whether it holds what is wanted of it already.
        arrays: Addresses of arrays.
        near: (tiles, n * n), numbers of the pixels in and around a tile; -1: none, zero.
        first, last: Tiles to take.
        x: Address of scratch: 2 n * n + 1 vectors, the last one zero.
        B: (n, n), an input line to its values at the points.
        N: A tuple of n numbers.
    """
    n, points = len(N), len(N) ** 2
    half, zero = x + points * BYTES, x + 2 * points * BYTES
    for value in range(len(values)):
        if given[values[value, POINTS]]:
            continue
        tiles, out = arrays[values[value, TILES]], arrays[values[value, POINTS]]
        channels = values[value, CHANNELS]
        for tile in range(first, last):
            for c in range(0, channels, WIDTH):
                at, to = tiles + 4 * c, out + 4 * (tile * points * channels + c)
                for i in range(points):
                    pixel = near[tile, i]
                    store(x + i * BYTES, load(at + 4 * pixel * channels if pixel >= 0 else zero))
                for j in range(n):
                    line_to_points(x + j * BYTES, n * BYTES, half + j * BYTES, n * BYTES, B, N)
                for u in range(n):
                    line_to_points(
                        half + u * n * BYTES, BYTES, to + 4 * u * n * channels, 4 * channels, B, N
                    )
    for value in range(len(differences)):
        a = arrays[differences[value, MINUEND]]
        b = arrays[differences[value, SUBTRAHEND]]
        out, size = arrays[differences[value, DIFFERENCE]], differences[value, TILE_BYTES]
        for i in range(first * size, last * size, BYTES):
            store(out + i, load(a + i) - load(b + i))


@compiled
def to_images(tiles, numbers, out):  # type: ignore[no-untyped-def]
    """Tiles put together to images.

    Args:
        tiles: (tiles, m * m, channels or more).
        numbers: (batch, tile rows, tile columns), which tile stands where.
        out: (batch, channels, rows, columns), what to write.
    """
    batch, channels, rows, columns = out.shape
    m = round(np.sqrt(tiles.shape[1]))
    for image in range(batch):
        for row in range(rows):
            for column in range(columns):
                tile = numbers[image, row // m, column // m]
                pixel = row % m * m + column % m
                for channel in range(channels):
                    out[image, channel, row, column] = tiles[tile, pixel, channel]


@njit
def line_back(x, x_stride, y, y_stride, A, bias, M, N):  # type: ignore[no-untyped-def]
    """A line at the n points to its m outputs."""
    m, n = len(M), len(N)
    for j in range(0, m, 2):
        even = odd = bias
        if j == 0:
            even = even + load(x)
        if j == m - 2:
            odd = odd + load(x + (n - 1) * x_stride)
        for u in range(1, n - 1, 2):
            plus, minus = load(x + u * x_stride), load(x + (u + 1) * x_stride)
            even = even + fill(A[j, u]) * (plus + minus)
            odd = odd + fill(A[j + 1, u]) * (plus - minus)
        store(y + j * y_stride, even)
        store(y + (j + 1) * y_stride, odd)


@njit
def back(at, stride, out, out_stride, A, bias, half, M, N):  # type: ignore[no-untyped-def]
    """One vector of channels of a tile from the points, (n * n), to its pixels, (m * m)."""
    m, n = len(M), len(N)
    zero = fill(np.float32(0))
    for v in range(n):
        line_back(at + v * stride, n * stride, half + v * BYTES, n * BYTES, A, zero, M, N)
    for i in range(m):
        line_back(half + i * n * BYTES, BYTES, out + i * m * out_stride, out_stride, A, bias, M, N)


@njit
def multiply(sources, first, last, panel, w, tiles, places, shared, total, stride):  # type: ignore[no-untyped-def]
    """Products of all sources of a group with one panel, in all places of some tiles.

    While one part of the panel is in use the next one is fetched, bit by bit: memory is then as
    busy as the processor.
    """
    step = panel * BYTES * ROWS // tiles
    for place in range(places):
        for s in range(first, last):
            address = sources[s, SOURCE]
            inner, row = sources[s, INNER], sources[s, PLACE_BYTES]
            soon = w + inner * panel * BYTES
            for t in range(0, tiles, ROWS):
                a = address + t * row * places + place * row
                out = total + t * stride + place * PANEL * BYTES
                if panel == 4:
                    wide_block(a, row * places, inner, w, out, stride, s > first, soon, step)
                else:
                    block(a, row * places, inner, w, out, stride, s > first, soon, step)
                soon += inner * step
            w += inner * panel * BYTES
        if shared:
            for s in range(first, last):
                w -= sources[s, INNER] * panel * BYTES
    return w


@njit
def address(row, place, bases, tile, start):  # type: ignore[no-untyped-def]
    """Where a tile of a result or an operand is; scratch begins with tile ``start``."""
    base = row[place + BASE]
    number = tile - (start if base == SCRATCH else 0)
    return bases[base] + row[place + OFFSET] + number * row[place + STRIDE]


@njit
def elementwise(operations, bases, tile, start):  # type: ignore[no-untyped-def]
    """What follows on the gates of a tile, operation by operation."""
    for q in range(len(operations)):
        row = operations[q]
        code, length = row[CODE], row[LENGTH]
        out = address(row, RESULT, bases, tile, start)
        a = address(row, LEFT, bases, tile, start)
        b = address(row, RIGHT, bases, tile, start)
        if code == ADD:
            for i in range(0, length, BYTES):
                store(out + i, load(a + i) + load(b + i))
        elif code == SUBTRACT:
            for i in range(0, length, BYTES):
                store(out + i, load(a + i) - load(b + i))
        elif code == MULTIPLY:
            for i in range(0, length, BYTES):
                store(out + i, load(a + i) * load(b + i))
        elif code == SIGMOID:  # (1 + tanh(x / 2)) / 2
            half = fill(np.float32(0.5))
            for i in range(0, length, BYTES):
                store(out + i, half + half * tanh(half * load(a + i)))
        elif code == TANH:
            for i in range(0, length, BYTES):
                store(out + i, tanh(load(a + i)))
        else:
            for i in range(0, length, BYTES):
                store(out + i, load(a + i))


@njit
def compute(groups, sources, units, operations, bases, total, first, last, size, A, M, N):  # type: ignore[no-untyped-def]
    """A level on some tiles, ``size`` at a time: products, back to the pixels, and the rest.

    Args:
        groups: Per group: points or pixels (1 or 0), first and last source, address of its
            kernels, vectors of columns, first unit.
        sources: Per source of a group: array, channels multiplied, bytes from place to place.
        units: Per vector of columns: array, bytes from tile to tile, offset, bytes from pixel to
            pixel, address of its bias.
        operations: Code, bytes of a tile, and array, bytes from tile to tile and offset of
            result and operands.
        bases: Addresses of arrays; 0 is scratch of ``size`` tiles.
        total: Address of scratch: ``size`` tiles of a panel, and n * n vectors.
        first, last: Tiles, a multiple of 4 of them.
        size: Tiles that are computed together.
        A: (m, n), a line at the points to its outputs.
        M, N: Tuples of m and n numbers.
    """
    m, points = len(M), len(N) ** 2
    half = total + size * (points * PANEL + 1) * BYTES
    here = np.empty_like(sources)
    for start in range(first, last, size):
        tiles = min(size, last - start)
        for g in range(len(groups)):
            filtered = groups[g, FILTERED]
            source, end = groups[g, FIRST_SOURCE], groups[g, END_SOURCE]
            places = points if filtered else m * m
            stride = (places * PANEL + 1) * BYTES
            for s in range(source, end):
                here[s] = sources[s]
                tile_bytes = places * sources[s, PLACE_BYTES]
                here[s, SOURCE] = bases[sources[s, SOURCE]] + start * tile_bytes
                for line in range(0, tiles * tile_bytes, LINE):
                    fetch(here[s, SOURCE] + line)  # in one go: rows of many tiles: too many streams
            w, unit = groups[g, KERNELS], groups[g, FIRST_UNIT]
            for column in range(0, groups[g, COLUMNS], PANEL):
                panel = min(PANEL, groups[g, COLUMNS] - column)
                w = multiply(
                    here, source, end, panel, w, tiles, places, not filtered, total, stride
                )
                if not filtered:
                    for s in range(source, end):
                        w += sources[s, INNER] * panel * BYTES
                for t in range(tiles):
                    for v in range(panel):
                        base, pixel = units[unit + v, BASE], units[unit + v, PIXEL_BYTES]
                        if base < 0:
                            continue
                        tile = t if base == SCRATCH else start + t
                        out = bases[base] + tile * units[unit + v, STRIDE] + units[unit + v, OFFSET]
                        at = total + t * stride + v * BYTES
                        bias = load(units[unit + v, BIAS])
                        if filtered:
                            back(at, PANEL * BYTES, out, pixel, A, bias, half, M, N)
                        else:
                            for i in range(places):
                                store(out + i * pixel, load(at + i * PANEL * BYTES) + bias)
                unit += panel
        for t in range(start, start + tiles):
            elementwise(operations, bases, t, start)


@compiled
def step(  # type: ignore[no-untyped-def]
    ends, values, differences, groups, sources, units, operations, given, arrays, near,
    levels, tiles, size, x, total, A, B, M, N,
):  # fmt: skip
    """Some levels on some tiles, without a halt between them.

    A level reads what neighbours of a tile were in earlier ones: who runs several levels at once
    runs them on all tiles.

    Args:
        ends: (levels + 1, 6), where the rows of each level begin in the six tables that follow.
        values, differences: As of :func:`to_points`.
        groups, sources, units, operations: As of :func:`compute`, from the beginning of the level.
        given, arrays, near, x: As of :func:`to_points`.
        levels, tiles: First and last of both.
        size, total, A, M, N: As of :func:`compute`.
        B: As of :func:`to_points`.
    """
    first, last = tiles
    for level in range(levels[0], levels[1]):
        a, z = ends[level], ends[level + 1]
        pointed = values[a[0] : z[0]], differences[a[1] : z[1]]
        to_points(pointed[0], pointed[1], given, arrays, near, first, last, x, B, N)
        tables = groups[a[2] : z[2]], sources[a[3] : z[3]], units[a[4] : z[4]]
        follows = operations[a[5] : z[5]]
        compute(tables[0], tables[1], tables[2], follows, arrays, total, first, last, size, A, M, N)
