"""Which data of an ODIM_H5 file are read: one quantity, one field at each time, in time order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import h5py

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.odim.tree import nearest_attributes, numbered, text
from echocast.model.formats.relation import NAMES
from echocast.model.formats.units import RadarUnit

QUANTITIES = ("DBZH", "DBZ", "DBZV", "TH", "TV", "RATE", "ACRR")  # the first of a file is read
UNITS = {"RATE": RadarUnit("rate"), "ACRR": RadarUnit("amount")}  # mm/h and mm, others are in dBZ


@dataclass(frozen=True)
class Layer:
    """One quantity at one time: the groups datasetN and dataM of the file."""

    dataset: h5py.Group
    data: h5py.Group

    @property
    def name(self) -> str:
        """Its place in the file, e.g. ``dataset1/data1``."""
        return str(self.data.name).strip("/")

    @property
    def values(self) -> h5py.Dataset:
        """The raw values, shape (y, x)."""
        return self.data["data"]

    def what(self, name: str) -> Any:
        """An attribute of the nearest ``what`` group, None where there is none."""
        return self._what.get(name)

    @cached_property
    def relation(self) -> dict[str, Any]:
        """``zr_a`` and ``zr_b`` of ``how``, where the file states them."""
        how = nearest_attributes("how", self.data, self.dataset, self.dataset.parent)
        return {name: how[name] for name in NAMES if name in how}

    @cached_property
    def _what(self) -> dict[str, Any]:
        return nearest_attributes("what", self.data, self.dataset)

    @property
    def quantity(self) -> str:
        """What was measured, in the words of ODIM; ``None`` where it is not said."""
        return text(self.what("quantity"))

    @property
    def unit(self) -> RadarUnit:
        """What its values are."""
        return UNITS.get(self.quantity, RadarUnit("reflectivity"))

    @property
    def end(self) -> tuple[str, str]:
        """Date and clock of the end of its data, in words that sort as the times do."""
        return text(self.what("enddate")), text(self.what("endtime")).rjust(6, "0")


def odim_layers(file: h5py.File, variable: str | None, where: str) -> list[Layer]:
    """The layers to read, earliest first.

    Args:
        file: Open.
        variable: Quantity, or the group of one field; None: the first known quantity of the file.
        where: Names the file in messages.

    Raises:
        ContractViolation: There is no such quantity or group, or several fields of one time.
    """
    layers = [
        Layer(dataset, data)
        for dataset in numbered(file, "dataset")
        for data in numbered(dataset, "data")
        if isinstance(data.get("data"), h5py.Dataset)
    ]
    named = [layer for layer in layers if layer.name == variable]
    quantity = _quantity(named or layers, None if named else variable, where)
    chosen = [layer for layer in named or layers if layer.quantity == quantity]
    chosen.sort(key=lambda layer: layer.end)
    for one, other in pairwise(chosen):
        if one.end == other.end:
            raise _ambiguous(chosen, where)
    return chosen


def _quantity(layers: list[Layer], variable: str | None, where: str) -> str:
    present = {layer.quantity for layer in layers}
    quantity = next((q for q in ([variable] if variable else QUANTITIES) if q in present), None)
    if quantity is None:
        raise ContractViolation(
            f"{where} must hold {short(variable) if variable else ' or '.join(QUANTITIES)}, but it"
            f" holds {short(', '.join(sorted(present)) or 'nothing')}.",
            rule="variable-missing",
        )
    if quantity not in QUANTITIES:
        raise ContractViolation(
            f"The quantity must be reflectivity or rain ({', '.join(QUANTITIES)}), not"
            f" {short(quantity)!r} of {where}.",
            rule="units",
        )
    return quantity


def _ambiguous(layers: Iterable[Layer], where: str) -> ContractViolation:
    """Several fields of one time, e.g. heights: only the sender knows which is meant."""
    fields = ", ".join(f"{layer.name}{_height(layer)}" for layer in layers)
    return ContractViolation(
        f"{where} holds several fields of one quantity and time: {short(fields)}. Name the one to"
        " use as the variable.",
        rule="variable-ambiguous",
    )


def _height(layer: Layer) -> str:
    product, parameter = (layer.what(name) for name in ("product", "prodpar"))
    words = [text(value) for value in (product, parameter) if value is not None]
    return f" ({' '.join(words)})" if words else ""
