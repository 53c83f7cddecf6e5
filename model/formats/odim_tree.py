"""Finding one's way in an ODIM_H5 file: numbered groups and attributes that may sit higher up."""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np

from echocast.model.formats.packing import checked_numbers


def is_odim(file: h5py.File) -> bool:
    """True where an HDF5 file says that it is ODIM_H5."""
    return text(file.attrs.get("Conventions", "")).startswith("ODIM_H5")


def numbered(group: h5py.Group, stem: str) -> list[h5py.Group]:
    """Subgroups ``stem1``, ``stem2``, ... in the order of their numbers."""
    names = [name for name in group if re.fullmatch(rf"{stem}[0-9]{{1,4}}", name)]
    groups = [group[name] for name in sorted(names, key=lambda name: int(name[len(stem) :]))]
    return [item for item in groups if isinstance(item, h5py.Group)]


def look_up(kind: str, name: str, *groups: h5py.Group) -> Any:
    """An attribute of the subgroup ``kind`` of the first group that has it, else None."""
    for group in groups:
        holder = group.get(kind)
        if holder is not None and name in holder.attrs:
            return holder.attrs[name]
    return None


def number(value: Any, name: str) -> float:
    """An attribute of one number.

    Raises:
        ContractViolation: It is of another type, or there are several.
    """
    return float(checked_numbers(value, 1, name).item())


def text(value: Any) -> str:
    """A string attribute, however HDF5 stored it."""
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else ""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
