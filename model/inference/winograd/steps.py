"""The steps of a network by compiled kernels, in place of the plain ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from echocast.model.inference.winograd.tiling import Tiling
from echocast.model.inference.winograd.trace import Untraceable, trace
from echocast.model.network.network import Network

if TYPE_CHECKING:
    from echocast.model.inference.winograd.numba_program import CompiledProgram, Field, Workspace


@dataclass(frozen=True, eq=False)
class FastState:
    """All memories of a sequence.

    Args:
        memories: Fields by name; empty before the first step.
        work: What the steps of this sequence share.
    """

    memories: dict[str, Field]
    work: Workspace


class FastSteps:
    """The steps of a network by Winograd's algorithm, F(m x m, k x k).

    Args:
        network: In evaluation mode; its parameters are read once, here.
        m: Side of a tile.
        chunk: Tiles computed at a time, about; 0: what is best.

    Raises:
        Untraceable: The network does something that has no fast form, or there is no numba.
    """

    def __init__(self, network: Network, m: int = 4, chunk: int = 0) -> None:
        self.network, self._m, k = network, m, network.config.kernel
        self._first = trace(network, network.planes, started=False)
        self._next = trace(network, network.planes, started=True)
        read = self._next.read()
        program = compiled_program()
        self._programs = [
            program(traced.out, {name: traced.new_memories[name] for name in read}, m, k, chunk)
            for traced in (self._first, self._next)
        ]
        self._channels = {name: self._next.memories[name].channels for name in read}

    def initial_state(self, batch: int, height: int, width: int) -> FastState:
        """Memories before the first step, for grids of ``height`` x ``width`` patches."""
        return self.begin(self.tiling(batch, height, width))

    def only(self, active: Tensor, kinds: Tensor) -> Part:
        """The same steps where it matters; what is left out is computed once for each kind.

        Args:
            active: (batch, height, width), the patches that matter.
            kinds: Like ``active``, from 0 to 1: patches that are equally so are alike elsewhere.
        """
        whole = [F.max_pool2d(active[:, None].float(), self._m, ceil_mode=True)]
        whole.append(F.avg_pool2d(kinds[:, None].float(), self._m, ceil_mode=True).round())
        tiles, alike = (part[:, 0].long() for part in whole)
        return Part(self, tiles > 0, alike)

    def begin(self, tiling: Tiling) -> FastState:
        """Memories before the first step."""
        return FastState({}, self._programs[0].workspace(tiling))

    def tiling(self, batch: int, height: int, width: int, *parts: Tensor) -> Tiling:
        """How grids of patches are cut.

        Raises:
            ModelError: The weights are tied to another grid.
        """
        self.network.check_grid(height, width)
        return Tiling(self._m, (batch, height, width), *parts)

    def step(self, X: Tensor, state: FastState) -> tuple[Tensor, FastState]:
        """One time step: (batch, planes, height, width) and the memories at t-1."""
        out, state = self._run(X, state)
        return self._programs[1].join(out, state.work), state

    def advance(self, X: Tensor, state: FastState) -> FastState:
        """The memories of :meth:`step` alone."""
        return self._run(X, state)[1]

    def _run(self, X: Tensor, state: FastState) -> tuple[Tensor, FastState]:
        """Head output in tiles and the new memories."""
        traced = self._next if state.memories else self._first
        program = self._programs[bool(state.memories)]
        given = {traced.memories[name]: memory for name, memory in state.memories.items()}
        given[traced.X] = program.cut(X, state.work)
        out, memories = program.run(given, state.work)
        for name, channels in self._channels.items():
            if name not in memories:  # still zero
                memories[name] = program.zero(channels, state.work)
        return out, replace(state, memories=memories)


@dataclass(frozen=True, eq=False)
class Part:
    """Fast steps on some tiles of an image.

    Args:
        steps: On all of it.
        active: (batch, tile rows, tile columns), those that are computed.
        kinds: Of what kind the others are.
    """

    steps: FastSteps
    active: Tensor
    kinds: Tensor

    def initial_state(self, batch: int, height: int, width: int) -> FastState:
        """Memories before the first step."""
        return self.steps.begin(self.steps.tiling(batch, height, width, self.active, self.kinds))

    def step(self, X: Tensor, state: FastState) -> tuple[Tensor, FastState]:
        """One time step."""
        return self.steps.step(X, state)

    def advance(self, X: Tensor, state: FastState) -> FastState:
        """The memories of :meth:`step` alone."""
        return self.steps.advance(X, state)


def compiled_program() -> type[CompiledProgram]:
    """What runs a traced step; imported here, because it needs numba.

    Raises:
        Untraceable: numba is not installed, or does not run here.
    """
    try:
        from echocast.model.inference.winograd.numba_program import CompiledProgram
    except ImportError as reason:
        raise Untraceable(f"There are no compiled kernels: {reason}.") from reason
    return CompiledProgram
