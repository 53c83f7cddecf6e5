"""Attributes that the NetCDF library keeps its own notes in, checked before it reads them.

It trusts their types: integers where it wrote references are followed as pointers. Sources: HDF5
dimension scales (H5DS), and the notes of NetCDF-4 ("Interoperability with HDF5").
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from h5py import h5a, h5s, h5t

from echocast.model.errors import ContractViolation
from echocast.model.formats.hdf5.objects import HDF5Object

MOST_DIMENSIONS = 5000  # a file; the library makes room for the highest number


def check_reserved(item: HDF5Object, path: Path) -> None:
    """Check type, shape and range of the reserved attributes of one object.

    Raises:
        ContractViolation: One is not what the NetCDF library expects.
    """
    rank = item.rank  # each look at it makes an identifier of the library
    for name in sorted(item.attributes & RESERVED.keys()):
        allowed, expected = RESERVED[name]
        if not allowed(item.attribute(name), rank):
            raise ContractViolation(
                f"The attribute {name.decode()} is reserved for {expected}, but in {path.name} it"
                " is something else.",
                rule="reserved-attribute",
            )


def _is_text(attribute: h5a.AttrID, _: int) -> bool:
    return attribute.get_type().get_class() == h5t.STRING and _is_single(attribute)


def _is_whole_number(attribute: h5a.AttrID, _: int) -> bool:
    return attribute.get_type().get_class() == h5t.INTEGER and _is_single(attribute)


def _is_dimension(attribute: h5a.AttrID, rank: int) -> bool:
    return _is_whole_number(attribute, rank) and _are_dimensions(attribute)


def _is_dimension_each(attribute: h5a.AttrID, rank: int) -> bool:
    whole = attribute.get_type().get_class() == h5t.INTEGER
    whole = whole and rank > 0 and attribute.shape == (rank,)
    return whole and _are_dimensions(attribute)


def _are_dimensions(attribute: h5a.AttrID) -> bool:
    numbers = np.zeros(attribute.shape, np.int64)
    attribute.read(numbers)
    return all(0 <= number < MOST_DIMENSIONS for number in numbers.ravel().tolist())


def _is_references_each(attribute: h5a.AttrID, rank: int) -> bool:
    kind = attribute.get_type()
    lists = kind.get_class() == h5t.VLEN and _is_reference(kind.get_super())
    return lists and rank > 0 and attribute.shape == (rank,)


def _is_back_references(attribute: h5a.AttrID, _: int) -> bool:
    kind = attribute.get_type()
    return (
        kind.get_class() == h5t.COMPOUND
        and kind.get_nmembers() == 2
        and _is_reference(kind.get_member_type(0))
        and kind.get_member_class(1) == h5t.INTEGER
        and len(attribute.shape) == 1
    )


def _is_single(attribute: h5a.AttrID) -> bool:
    space = attribute.get_space()
    return space.get_simple_extent_type() != h5s.NULL and space.shape in ((), (1,))


def _is_reference(kind: h5t.TypeID) -> bool:
    return bool(kind.equal(h5t.STD_REF_OBJ))


Check = Callable[[h5a.AttrID, int], bool]
TEXT: tuple[Check, str] = (_is_text, "one text")
WHOLE_NUMBER: tuple[Check, str] = (_is_whole_number, "one whole number")
RESERVED: dict[bytes, tuple[Check, str]] = {
    b"CLASS": TEXT,
    b"NAME": TEXT,
    b"DIMENSION_LIST": (_is_references_each, "lists of references, one for each dimension"),
    b"REFERENCE_LIST": (_is_back_references, "pairs of a reference and a whole number"),
    b"_Netcdf4Dimid": (_is_dimension, "the number of a dimension"),
    b"_Netcdf4Coordinates": (_is_dimension_each, "the numbers of all dimensions"),
    b"_nc3_strict": WHOLE_NUMBER,
    b"_NCProperties": TEXT,
    b"_QuantizeBitGroomNumberOfSignificantDigits": WHOLE_NUMBER,
    b"_QuantizeGranularBitRoundNumberOfSignificantDigits": WHOLE_NUMBER,
    b"_QuantizeBitRoundNumberOfSignificantBits": WHOLE_NUMBER,
}
