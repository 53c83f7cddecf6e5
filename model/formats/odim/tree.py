"""Finding one's way in an ODIM_H5 file: numbered groups and attributes that may sit higher up."""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np

from echocast.model.formats.packing import checked_numbers

PADDING = " \0\t\r\n"


def is_odim(file: h5py.File) -> bool:
    """True where an HDF5 file says that it is ODIM_H5, or has its tree without saying so."""
    conventions = text(file.attrs.get("Conventions", ""))
    return conventions.startswith("ODIM_H5") or (not conventions and _has_tree(file))


def _has_tree(file: h5py.File) -> bool:
    """``what`` with an object, and a numbered data set: nothing else is written so."""
    what = file.get("what")
    return isinstance(what, h5py.Group) and "object" in what.attrs and "dataset1" in file


def numbered(group: h5py.Group, stem: str) -> list[h5py.Group]:
    """Subgroups ``stem1``, ``stem2``, ... in the order of their numbers."""
    names = [name for name in group if re.fullmatch(rf"{stem}[0-9]{{1,4}}", name)]
    groups = [group[name] for name in sorted(names, key=lambda name: int(name[len(stem) :]))]
    return [item for item in groups if isinstance(item, h5py.Group)]


def look_up(name: str, *groups: h5py.Group) -> Any:
    """An attribute of the subgroup ``what`` of the first group that has it, else None."""
    for group in groups:
        holder = group.get("what")
        if holder is not None and name in holder.attrs:
            return holder.attrs[name]
    return None


def nearest_attributes(kind: str, *groups: h5py.Group) -> dict[str, Any]:
    """All attributes of the subgroups ``kind`` of some groups; the first group's count."""
    attributes: dict[str, Any] = {}
    for group in reversed(groups):
        holder = group.get(kind)
        attributes |= {} if holder is None else dict(holder.attrs)
    return attributes


def number(value: Any, name: str) -> float:
    """An attribute of one number.

    Raises:
        ContractViolation: It is of another type, or there are several.
    """
    return float(checked_numbers(value, 1, name).item())


def text(value: Any) -> str:
    """A string attribute, however HDF5 stored it, without what it is padded with."""
    written = _single(value)
    if written is not None:
        return written
    return str(value.flat[0] if isinstance(value, np.ndarray) and value.size else value)


def _single(value: Any) -> str | None:
    """The one text of an attribute; None where it is something else."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip(PADDING) if isinstance(value, str) else None
