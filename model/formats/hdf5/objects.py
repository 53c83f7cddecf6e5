"""What an HDF5 file consists of, without h5py's wrappers, which cost more than a look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from h5py import h5a, h5d, h5g, h5o


@dataclass(frozen=True, eq=False)
class HDF5Object:
    """A group, data set or named type of an open file.

    Args:
        name: Its path.
        identifier: Of the library.
        attributes: Names of its attributes.
    """

    name: str
    identifier: Any
    attributes: frozenset[bytes]

    @classmethod
    def of(cls, name: str, identifier: Any) -> Self:
        """The object of an identifier."""
        attributes: list[bytes] = []
        h5a.iterate(identifier, attributes.append)
        return cls(name, identifier, frozenset(attributes))

    @property
    def address(self) -> int:
        """Where it lies in the file: one place has one object."""
        return int(h5o.get_info(self.identifier).addr)

    @property
    def is_group(self) -> bool:
        """Whether there may be others in it."""
        return isinstance(self.identifier, h5g.GroupID)

    @property
    def is_dataset(self) -> bool:
        """Whether it has values."""
        return isinstance(self.identifier, h5d.DatasetID)

    @property
    def rank(self) -> int:
        """How many dimensions its values have; 0 without values."""
        return int(self.identifier.rank) if self.is_dataset else 0

    def attribute(self, name: bytes) -> h5a.AttrID:
        """One of its attributes."""
        return h5a.open(self.identifier, name)
