"""ODIM_H5 composites in: EUMETNET OPERA's exchange format for radar data.

Source: OPERA Data Information Model for HDF5, versions 2.0 to 2.4 (Michelson et al.). Attributes
of ``what`` and ``where`` are looked for from the data up to the root, as the versions differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, UnsupportedInput, short
from echocast.model.formats.netcdf_access import damage_is_unreadable
from echocast.model.formats.observed import check_observed_odim
from echocast.model.formats.odim_codes import DECLARE, decoded
from echocast.model.formats.odim_grid import odim_grid
from echocast.model.formats.odim_times import layer_times
from echocast.model.formats.odim_tree import is_odim, look_up, numbered, text
from echocast.model.formats.plausible import check_reflectivity, check_strongest
from echocast.model.formats.units import RadarUnit
from echocast.model.frames import FloatArray, Frames
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR

QUANTITIES = ("DBZH", "DBZ", "DBZV", "TH", "TV", "RATE", "ACRR")  # the first of a file is read
UNITS = {"RATE": RadarUnit("rate"), "ACRR": RadarUnit("amount")}  # mm/h and mm, others are in dBZ

__all__ = ["is_odim", "read_odim"]


@dataclass(frozen=True)
class _Layer:
    """One quantity at one time: the groups datasetN and dataM of the file."""

    dataset: h5py.Group
    data: h5py.Group

    @property
    def values(self) -> h5py.Dataset:
        """The raw values, shape (y, x)."""
        return self.data["data"]

    def what(self, name: str) -> Any:
        """An attribute of the nearest ``what`` group, None where there is none."""
        return look_up("what", name, self.data, self.dataset)

    @property
    def unit(self) -> RadarUnit:
        """What its values are."""
        return UNITS.get(text(self.what("quantity")), RadarUnit("reflectivity"))


def read_odim(
    path: Path, *, variable: str | None = None, contract: InputContract | None = None
) -> Frames:
    """Read a composite of reflectivity, rain rate or rain amount.

    Args:
        path: The file.
        variable: Quantity to read, e.g. ``DBZH``; None: reflectivity, else ``RATE`` in mm/h, else
            ``ACRR``, amounts in mm.
        contract: Size limits, checked before any value is read; None: the default.

    Returns:
        Reflectivity in dBZ; ``undetect`` and weaker echoes than -32 dBZ are the floor, -32;
        ``nodata`` is missing.

    Raises:
        UnreadableInput: The file is damaged.
        UnsupportedInput: It is not a composite.
        InputTooLarge: Its header claims more than the limits allow.
        ContractViolation: It lacks the quantity or an attribute, or breaks a rule.
    """
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        _check_composite(file, path)
        layers = _layers(file, variable, path)
        for layer in layers:
            check_observed_odim((layer.data, layer.dataset, file), path.name)
        _check_sizes(layers, contract or InputContract(), path)
        times = layer_times(file, [layer.what for layer in layers], layers[0].unit, path.name)
        grid, place = odim_grid(file, layers[0].dataset, layers[0].values.shape, path.name)
        factors = np.broadcast_to(times.factor(layers[0].unit, slice(None)), (len(layers), 1, 1))
        values = np.stack(
            [_reflectivity(*pair, path) for pair in zip(layers, factors, strict=True)]
        )
        notes = {**times.notes, **place}
        return Frames(values, times.times, grid, NO_RAIN_DBZ, _provenance(file, layers[0]), notes)


def odim_header(path: Path, variable: str | None = None) -> tuple[tuple[datetime, ...], str]:
    """When the frames of a file are valid, and ``dBZ`` or ``mm/h``; no value is read.

    Args:
        path: The file.
        variable: Quantity, e.g. ``DBZH``; None: reflectivity, else rain.
    """
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        layers = _layers(file, variable, path)
        unit = layers[0].unit
        times = layer_times(file, [layer.what for layer in layers], unit, path.name)
        return times.times, "dBZ" if unit.kind == "reflectivity" else "mm/h"


def _check_composite(file: h5py.File, path: Path) -> None:
    kind = text(look_up("what", "object", file))
    if kind not in ("COMP", "IMAGE"):
        raise UnsupportedInput(
            f"An ODIM_H5 file must be a composite (COMP or IMAGE), but {path.name} is"
            f" {short(kind)!r}.",
            rule="odim-object",
        )


def _layers(file: h5py.File, variable: str | None, path: Path) -> list[_Layer]:
    """The layers of one quantity, in file order."""
    layers = [
        _Layer(dataset, data)
        for dataset in numbered(file, "dataset")
        for data in numbered(dataset, "data")
        if isinstance(data.get("data"), h5py.Dataset)
    ]
    present = {text(layer.what("quantity")) for layer in layers}
    candidates = [variable] if variable else QUANTITIES
    quantity = next((name for name in candidates if name in present), None)
    if quantity is None:
        raise ContractViolation(
            f"{path.name} must hold {short(variable) if variable else ' or '.join(QUANTITIES)},"
            f" but it holds"
            f" {short(', '.join(sorted(map(str, present))) or 'nothing')}.",
            rule="variable-missing",
        )
    if quantity not in QUANTITIES:
        raise ContractViolation(
            f"The quantity must be reflectivity or rain ({', '.join(QUANTITIES)}), not"
            f" {short(quantity)!r} of {path.name}.",
            rule="units",
        )
    return [layer for layer in layers if text(layer.what("quantity")) == quantity]


def _check_sizes(layers: list[_Layer], contract: InputContract, path: Path) -> None:
    shapes = {layer.values.shape for layer in layers}
    shape = layers[0].values.shape
    if len(shapes) > 1 or len(shape) != 2:
        raise ContractViolation(
            f"All data of {path.name} must be of one shape (y, x), but there are"
            f" {short(sorted(shapes))}.",
            rule="shape",
        )
    dtype = layers[0].values.dtype
    if dtype.kind not in "iuf":
        raise ContractViolation(
            f"Data must be numbers, but those of {path.name} are of type {short(dtype)}.",
            rule="data-type",
        )
    contract.check_size((len(layers), shape[0], shape[1]), path.name)
    claimed = len(layers) * shape[0] * shape[1] * dtype.itemsize
    contract.check_claim(claimed, path.stat().st_size, path.name)


def _reflectivity(layer: _Layer, factor: FloatArray, path: Path) -> FloatArray:
    """Values in dBZ (y, x), -32 where dry; rain, which a factor turns into mm/h, through Z-R."""
    if layer.unit.kind != "reflectivity":
        rates = decoded(layer.values, layer.what, 0.0, path.name) * factor
        values = ZR.of_attributes(_zr(layer)).reflectivity_dbz(rates, where=path.name)
        check_strongest(values, path.name, DECLARE)
        return values
    values = decoded(layer.values, layer.what, NO_RAIN_DBZ, path.name)
    check_reflectivity(values, path.name, DECLARE)
    return np.maximum(values, np.float32(NO_RAIN_DBZ), out=values)


def _zr(layer: _Layer) -> dict[str, Any]:
    """The Z-R relation of ``how``, where the file states it."""
    pair = {
        f"zr_{n}": look_up("how", f"zr_{n}", layer.data, layer.dataset, layer.dataset.parent)
        for n in "ab"
    }
    return {name: value for name, value in pair.items() if value is not None}


def _provenance(file: h5py.File, layer: _Layer) -> dict[str, str]:
    quantity = f"ODIM_H5 {text(layer.what('quantity'))}"
    source = text(look_up("what", "source", file))
    relation = ZR.of_attributes(_zr(layer))
    attributes = {"source": f"weather radar composite {source}", "original_quantity": quantity}
    if layer.unit.kind != "reflectivity":
        attributes |= {"zr_a": str(relation.a), "zr_b": str(relation.b)}
    return attributes
