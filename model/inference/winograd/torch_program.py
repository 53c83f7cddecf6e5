"""A traced step as something that runs: groups of sums as products at Winograd's points."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from echocast.model.inference.winograd.schedule import Level, Schedule, bases
from echocast.model.inference.winograd.tiling import Surroundings, Tiling, gather
from echocast.model.inference.winograd.torch_product import Product
from echocast.model.inference.winograd.torch_workspace import Field, Fields, Workspace
from echocast.model.inference.winograd.trace import Symbol
from echocast.model.inference.winograd.transforms import Winograd

CHUNK = 128


class Program:
    """A step in its fast form.

    Args:
        out: Symbol of the head's output.
        memories: Symbols of the memories to keep, by name.
        m: Side of a tile.
        k: Side of the kernels.
        chunk: Tiles computed at a time, about; 0: what is best.
    """

    def __init__(
        self, out: Symbol, memories: Mapping[str, Symbol], m: int, k: int, chunk: int = 0
    ) -> None:
        self.winograd, self._chunk = Winograd(m, k), chunk or CHUNK
        self._out, self._memories = out, dict(memories)
        kept = [value for value in memories.values() if value.kind != "zero"]
        self._schedule = Schedule([out, *dict.fromkeys(kept)])
        self._forth, self._back = self.winograd.forth(), self.winograd.back()
        self._levels = [
            (
                level,
                [Product(g, self.winograd if g.sums[0].kernel > 1 else None) for g in level.groups],
            )
            for level in self._schedule.levels
        ]
        self._nonlinear = {
            gate
            for _, products in self._levels
            for product in products
            if product.group.nonlinear
            for gate in product.columns
        }

    def workspace(self, tiling: Tiling) -> Workspace:
        """For the steps of a sequence."""
        return Workspace.of(tiling, self._chunk, self.winograd.k // 2)

    def cut(self, images: Tensor, work: Workspace) -> Field:
        """Images (batch, channels, rows, columns) as a field."""
        return Field(work.tiling.cut(images))

    def join(self, tiles: Tensor, work: Workspace) -> Tensor:
        """Images of the head's output."""
        return work.tiling.join(tiles)

    def zero(self, channels: int, work: Workspace) -> Field:
        """A memory that is zero."""
        return Field(torch.zeros(self.winograd.m**2, work.tiling.tiles, channels))

    def run(
        self, given: Mapping[Symbol, Field], work: Workspace
    ) -> tuple[Tensor, dict[str, Field]]:
        """One step.

        Args:
            given: Fields of the input symbols.
            work: Of this sequence.

        Returns:
            Head output in tiles and the new memories.
        """
        fields = Fields.of(given)
        for level, products in self._levels:
            self._transform(products, fields, work)
            self._compute(level, products, fields, work)
            for value in level.last_read:
                fields.forget(value)
        memories = {
            name: Field(fields.tiles[value], fields.spectra.get(value))
            for name, value in self._memories.items()
            if value.kind != "zero"
        }
        return fields.tiles[self._out], memories

    def _transform(self, products: list[Product], fields: Fields, work: Workspace) -> None:
        """Take what the convolutions of a level read to the points, each value once."""
        for source in {s: None for p in products if p.winograd for s in p.sources}:
            for base in bases(source):
                if base not in fields.spectra:
                    tiles = fields.tiles[base]
                    spectra = [self._spectrum(tiles, near, work) for near in work.surroundings]
                    fields.spectra[base] = spectra
            if source.kind == "subtract":
                pairs = zip(*(fields.spectra[base] for base in bases(source)), strict=True)
                fields.spectra[source] = [a - b for a, b in pairs]

    def _spectrum(self, tiles: Tensor, near: Surroundings, work: Workspace) -> Tensor:
        points = len(self._forth)
        buffer = work.buffer(len(near.pixels), tiles.shape[-1])
        pixels = gather(tiles, near, buffer).view(points, -1)
        return torch.mm(self._forth, pixels).view(points, -1, tiles.shape[-1])

    def _compute(
        self, level: Level, products: list[Product], fields: Fields, work: Workspace
    ) -> None:
        """All of a level but the spectra, in chunks of tiles that stay in cache."""
        kept: dict[Symbol, Tensor] = {}
        for number, part in enumerate(work.chunks):
            values: dict[Symbol, Tensor] = {}
            for product in products:
                self._multiply(product, fields, number, values, work)
            for value in level.kept:
                result = self._value(value, fields, part, values, work)
                if len(work.chunks) == 1:
                    kept[value] = result.contiguous()
                    continue
                if number == 0:
                    shape = len(result), work.tiling.tiles, result.shape[-1]
                    kept[value] = result.new_empty(shape)
                kept[value][:, part] = result
        fields.tiles.update(kept)

    def _multiply(
        self,
        product: Product,
        fields: Fields,
        number: int,
        values: dict[Symbol, Tensor],
        work: Workspace,
    ) -> None:
        """The sums of a group on a chunk, with their nonlinearity."""
        part = work.chunks[number]
        if product.winograd is None:
            gates = product.of_tiles([fields.tiles[source][:, part] for source in product.sources])
        else:
            gates = product.of_spectra(
                [fields.spectra[source][number] for source in product.sources],
                work.buffer(len(self._forth), part.stop - part.start, product.width),
            )
        for sum_ in product.group.sums:
            for extra in sum_.extras:
                added = self._value(extra, fields, part, values, work)
                gates[..., product.columns[sum_.gate]] += product.scale_of(sum_.gate) * added
        product.activate(gates)
        for gate, columns in product.columns.items():
            values[gate] = gates[..., columns]

    def _value(
        self,
        value: Symbol,
        fields: Fields,
        part: slice,
        values: dict[Symbol, Tensor],
        work: Workspace,
    ) -> Tensor:
        """A value on some tiles, (m * m, tiles, channels)."""
        if value in values:
            return values[value]
        if value in fields.tiles:
            return fields.tiles[value][:, part]
        if value.kind == "constant":
            constant = self._constant(value, work)
            return constant[:, part] if constant.shape[1] > 1 else constant
        a, *others = (self._value(p, fields, part, values, work) for p in value.parts)
        if value.kind in ("sigmoid", "tanh"):
            if value.parts[0] in self._nonlinear:
                result = a
            elif value.kind == "sigmoid":
                result = a.sigmoid()
            else:
                result = (a * 2).sigmoid_().mul_(2).sub_(1)
        else:
            result = getattr(torch, value.kind)(a, others[0])
        values[value] = result
        return result

    @staticmethod
    def _constant(value: Symbol, work: Workspace) -> Tensor:
        """A constant as (1 or m * m, 1 or tiles, channels)."""
        if value not in work.constants:
            assert value.weight is not None
            if value.weight[0].numel() == 1:
                work.constants[value] = value.weight.permute(1, 2, 0).contiguous()
            else:
                images = value.weight.expand(work.tiling.shape[0], *value.weight.shape)
                work.constants[value] = work.tiling.cut(images)
        return work.constants[value]
