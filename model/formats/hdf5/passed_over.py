"""Attributes of a type that the NetCDF library can't read: it passes over them without a word.

Without its scale a field would be read as other values, without its calendar at other times, and
without its grid mapping nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import h5py
from h5py import h5a, h5t

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.hdf5.reserved_attributes import RESERVED
from echocast.model.formats.packing import COUNTS

MAPPING: Final = "grid_mapping_name"  # all attributes of a variable that has it are read
CHANGE_WHAT_IS_READ: Final = frozenset(
    {
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
    }
)
FLOAT_BYTES: Final = (4, 8)


def check_nothing_is_passed_over(file: h5py.File, path: Path) -> None:
    """Check that the NetCDF library reads every attribute which says how values are to be read.

    Args:
        file: The open file, which holds no links to anything else.
        path: Its path, for the message.

    Raises:
        ContractViolation: One is of a type that the library passes over.
    """
    file.visititems(lambda _, item: _check(item, path))


def _check(item: object, path: Path) -> None:
    if not isinstance(item, h5py.Dataset):
        return
    given = set(item.attrs)
    read = given if MAPPING in given else given & CHANGE_WHAT_IS_READ
    for name in sorted(read):
        if name.encode() not in RESERVED and not _is_read(h5a.open(item.id, name.encode())):
            raise ContractViolation(
                f"The attribute {short(name)} of {short(str(item.name))!r} of {path.name} must be a"
                " text, or integers or floating-point numbers of at most 64 bits, but it is of"
                f" another type ({short(str(item.attrs.get_id(name).dtype))}).",
                rule="packing",
            )


def _is_read(attribute: h5a.AttrID) -> bool:
    kind = attribute.get_type()
    if kind.get_class() == h5t.FLOAT:
        return kind.get_size() in FLOAT_BYTES
    return kind.get_class() in (h5t.INTEGER, h5t.STRING)
