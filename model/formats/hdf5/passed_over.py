"""Attributes of a type that the NetCDF library can't read: it passes over them without a word.

Without its scale a field would be read as other values, without its calendar at other times, and
without its grid mapping nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from h5py import h5a, h5t

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.hdf5.objects import HDF5Object
from echocast.model.formats.hdf5.reserved_attributes import RESERVED
from echocast.model.formats.packing import COUNTS

MAPPING: Final = b"grid_mapping_name"  # all attributes of a variable that has it are read
CHANGE_WHAT_IS_READ: Final = frozenset(
    name.encode()
    for name in (
        *COUNTS,
        "_Unsigned",
        "axis",
        "bounds",
        "calendar",
        "cell_methods",
        "coordinates",
        "grid_mapping",
        "no_rain_value",
        "positive",
        "standard_name",
        "units",
    )
)
FLOAT_BYTES: Final = (4, 8)


def check_nothing_is_passed_over(objects: Iterable[HDF5Object], path: Path) -> None:
    """Check that the NetCDF library reads every attribute which says how values are to be read.

    Raises:
        ContractViolation: One is of a type that the library passes over.
    """
    for item in objects:
        if item.is_dataset:
            _check(item, path)


def _check(item: HDF5Object, path: Path) -> None:
    given = item.attributes
    read = given if MAPPING in given else given & CHANGE_WHAT_IS_READ
    for name in sorted(read - RESERVED.keys()):
        attribute = item.attribute(name)
        if not _is_read(attribute):
            raise ContractViolation(
                f"The attribute {short(name.decode('utf-8', 'replace'))} of {short(item.name)!r} of"
                f" {path.name} must be a text, or integers or floating-point numbers of at most 64"
                f" bits, but it is of another type ({short(str(attribute.dtype))}).",
                rule="packing",
            )


def _is_read(attribute: h5a.AttrID) -> bool:
    kind = attribute.get_type()
    if kind.get_class() == h5t.FLOAT:
        return kind.get_size() in FLOAT_BYTES
    return kind.get_class() in (h5t.INTEGER, h5t.STRING)
