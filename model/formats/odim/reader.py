"""ODIM_H5 composites in: EUMETNET OPERA's exchange format for radar data.

Source: OPERA Data Information Model for HDF5, versions 2.0 to 2.4 (Michelson et al.). Attributes
of ``what`` and ``where`` are looked for from the data up to the root, as the versions differ.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, UnsupportedInput, short
from echocast.model.formats.crop import Crop, Window
from echocast.model.formats.header import FileHeader
from echocast.model.formats.netcdf.access import damage_is_unreadable
from echocast.model.formats.observed import check_observed_odim
from echocast.model.formats.odim.codes import DECLARE, decoded
from echocast.model.formats.odim.grid import odim_grid
from echocast.model.formats.odim.layers import Layer, odim_layers
from echocast.model.formats.odim.times import layer_times
from echocast.model.formats.odim.tree import look_up, text
from echocast.model.formats.plausible import check_reflectivity, check_strongest
from echocast.model.formats.relation import stated_relation
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR


def read_odim(
    path: Path,
    *,
    variable: str | None = None,
    crop: Crop | None = None,
    contract: InputContract | None = None,
) -> Frames:
    """Read a composite of reflectivity, rain rate or rain amount.

    Args:
        path: The file.
        variable: Quantity to read, e.g. ``DBZH``, or the group of one field, e.g.
            ``dataset2/data1``; None: reflectivity, else ``RATE`` in mm/h, else ``ACRR``, in mm.
        crop: Region to read; None: all.
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
        layers = odim_layers(file, variable, path.name)
        _check_observed(file, layers, path)
        region, limits = crop or Crop(), contract or InputContract()
        _check_shapes(layers, path)
        _check_claims(layers, region, limits, path)
        times = layer_times(file, [layer.what for layer in layers], layers[0].unit, path.name)
        grid, place = odim_grid(file, layers[0].dataset, layers[0].values.shape, path.name)
        window = region.window(grid, path.name)
        grid = grid.part(*window)
        limits.check_size((len(layers), *grid.shape), path.name)
        factors = np.broadcast_to(times.factor(layers[0].unit, slice(None)), (len(layers), 1, 1))
        values = np.stack(
            [_reflectivity(*pair, window, path) for pair in zip(layers, factors, strict=True)]
        )
        zr_note = stated_relation(layers[0].relation)[1] if layers[0].unit.is_rain else {}
        notes = {**times.notes, **place, **zr_note}
        return Frames(values, times.times, grid, NO_RAIN_DBZ, _provenance(file, layers[0]), notes)


def odim_header(path: Path, variable: str | None = None) -> FileHeader:
    """What a file holds; no value is read.

    Args:
        path: The file.
        variable: Quantity or group, as of :func:`read_odim`; None: reflectivity, else rain.
    """
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        layers = odim_layers(file, variable, path.name)
        _check_observed(file, layers, path)
        unit = layers[0].unit
        times = layer_times(file, [layer.what for layer in layers], unit, path.name)
        stated = "mm" if unit.kind == "amount" else unit.of_stream  # by the quantity
        _check_shapes(layers, path)
        name, shape = f"{layers[0].quantity} ({layers[0].name})", layers[0].values.shape
        names = "ODIM_H5 composite", short(name), stated
        return FileHeader(times.times, unit.of_stream, *names, shape)


def _check_observed(file: h5py.File, layers: list[Layer], path: Path) -> None:
    for layer in layers:
        check_observed_odim((layer.data, layer.dataset, file), path.name)


def _check_composite(file: h5py.File, path: Path) -> None:
    kind = text(look_up("object", file))
    if kind not in ("COMP", "IMAGE"):
        raise UnsupportedInput(
            f"An ODIM_H5 file must be a composite (COMP or IMAGE), but {path.name} is"
            f" {short(kind)!r}.",
            rule="odim-object",
        )


def _check_shapes(layers: list[Layer], path: Path) -> None:
    shapes = {layer.values.shape for layer in layers}
    if len(shapes) > 1 or len(layers[0].values.shape) != 2:
        raise ContractViolation(
            f"All data of {path.name} must be of one shape (y, x), but there are"
            f" {short(sorted(shapes))}.",
            rule="shape",
        )


def _check_claims(layers: list[Layer], crop: Crop, contract: InputContract, path: Path) -> None:
    shape, dtype = layers[0].values.shape, layers[0].values.dtype
    if dtype.kind not in "iuf":
        raise ContractViolation(
            f"Data must be numbers, but those of {path.name} are of type {short(dtype)}.",
            rule="data-type",
        )
    if crop.is_whole:
        contract.check_size((len(layers), shape[0], shape[1]), path.name)
    claimed = len(layers) * shape[0] * shape[1] * dtype.itemsize
    contract.check_claim(claimed, path.stat().st_size, path.name)


def _reflectivity(layer: Layer, factor: FloatArray, window: Window, path: Path) -> FloatArray:
    """Values in dBZ (y, x), -32 where dry; rain, which a factor turns into mm/h, through Z-R."""
    if layer.unit.is_rain:
        rates = decoded(layer.values[window], layer.what, 0.0, path.name) * factor
        values = ZR.of_attributes(layer.relation).reflectivity_dbz(rates, where=path.name)
        check_strongest(values, path.name, DECLARE)
        return values
    values = decoded(layer.values[window], layer.what, NO_RAIN_DBZ, path.name)
    check_reflectivity(values, path.name, DECLARE)
    return np.maximum(values, np.float32(NO_RAIN_DBZ), out=values)


def _provenance(file: h5py.File, layer: Layer) -> dict[str, str]:
    quantity = f"ODIM_H5 {layer.quantity}"
    source = text(look_up("source", file))
    relation = ZR.of_attributes(layer.relation)
    attributes = {"source": f"weather radar composite {source}", "original_quantity": quantity}
    if layer.unit.is_rain:
        attributes |= {"zr_a": str(relation.a), "zr_b": str(relation.b)}
    return attributes
