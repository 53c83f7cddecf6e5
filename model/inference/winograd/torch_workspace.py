"""What a fast step holds while it runs: values in tiles, and memory to compute them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import torch
from torch import Tensor

from echocast.model.inference.winograd.tiling import Surroundings, Tiling
from echocast.model.inference.winograd.trace import Symbol


class Field(NamedTuple):
    """One value on the whole image.

    Args:
        tiles: (m * m, tiles, channels).
        spectra: Per chunk its values at the points, (n * n, tiles of the chunk, channels), once
            some convolution read it.
    """

    tiles: Tensor
    spectra: list[Tensor] | None = None


@dataclass(eq=False)
class Workspace:
    """What the steps of one sequence share beside the memories.

    Args:
        tiling: How its images are cut.
        chunks: Tiles computed at a time.
        surroundings: Of the tiles of each chunk.
        constants: Constants of the step as tiles.
        buffers: Memory that is written over again and again, by shape.
    """

    tiling: Tiling
    chunks: list[slice]
    surroundings: list[Surroundings]
    constants: dict[Symbol, Tensor] = field(default_factory=dict)
    buffers: dict[tuple[int, ...], Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, tiling: Tiling, size: int, halo: int) -> Self:
        """For chunks of about ``size`` tiles and kernels that reach ``halo`` far."""
        chunks = tiling.chunks(size)
        return cls(tiling, chunks, [tiling.surroundings(chunk, halo) for chunk in chunks])

    def buffer(self, *shape: int) -> Tensor:
        """Some memory that nobody needs longer than until the next call with this shape."""
        if shape not in self.buffers:
            self.buffers[shape] = torch.empty(shape)
        return self.buffers[shape]


@dataclass(eq=False)
class Fields:
    """What is known of a step's values so far, as in :class:`Field`."""

    tiles: dict[Symbol, Tensor]
    spectra: dict[Symbol, list[Tensor]]

    @classmethod
    def of(cls, given: Mapping[Symbol, Field]) -> Self:
        """What a step begins with."""
        spectra = {value: of.spectra for value, of in given.items() if of.spectra is not None}
        return cls({value: of.tiles for value, of in given.items()}, spectra)

    def forget(self, value: Symbol) -> None:
        """Free a value that nobody reads any more."""
        self.tiles.pop(value, None)
        self.spectra.pop(value, None)
