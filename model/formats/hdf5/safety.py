"""HDF5 files that could mislead a reader are refused before anything follows them.

An HDF5 file can link to other files, keep its values in any file of the machine (external
storage), or be pieced together from others (virtual data sets). A file from a stranger that does so
would be answered with the contents of our own disk. NetCDF-4 and ODIM_H5 are both HDF5.

The NetCDF library opens every link, soft ones too, and descends into what it finds: a link from a
group to one above it has no end. So every object must have exactly one name; then what is checked
here, link by link, is what the library reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from h5py import h5d, h5g, h5l, h5o

from echocast.model.errors import ContractViolation, InputTooLarge, short
from echocast.model.formats.hdf5.heaps import check_heaps
from echocast.model.formats.hdf5.objects import HDF5Object
from echocast.model.formats.hdf5.reserved_attributes import check_reserved
from echocast.model.formats.netcdf.access import damage_is_unreadable

MOST_OBJECTS = 5000
MOST_LEVELS = 20  # of groups within groups
SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def self_contained(path: Path) -> Iterator[tuple[h5py.File, list[HDF5Object]]]:
    """An open HDF5 file that is all in the file, under one name each, and everything in it.

    Raises:
        UnreadableInput: The file is damaged.
        InputTooLarge: It has too many objects or levels to look at.
        ContractViolation: It reaches outside itself, an object has two names, or an attribute
            that the NetCDF library uses for itself is of another type.
    """
    check_heaps(path)
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        yield file, _everything(file, path)


def _everything(file: h5py.File, path: Path) -> list[HDF5Object]:
    root = HDF5Object.of("/", file.id)
    check_reserved(root, path)
    objects, visited, level = [root], {root.address}, [root]
    for _ in range(MOST_LEVELS):
        members = [item for group in level for item in _members(group, visited, path)]
        objects += members
        level = [item for item in members if item.is_group]
    if level:
        raise InputTooLarge(f"{path.name} has more than {MOST_LEVELS} levels of groups.")
    return objects


def _members(group: HDF5Object, visited: set[int], path: Path) -> Iterator[HDF5Object]:
    """What is in a group; each link and object is checked."""
    parent: h5g.GroupID = group.identifier
    for name in parent:
        where = f"{group.name.rstrip('/')}/{name.decode('utf-8', 'replace')}"
        _check_link(parent, name, where, path)
        item = HDF5Object.of(where, h5o.open(parent, name))
        _check_new(item, visited, path)
        _check_storage(item, path)
        check_reserved(item, path)
        yield item


def _check_link(parent: h5g.GroupID, name: bytes, where: str, path: Path) -> None:
    kind = parent.links.get_info(name).type
    if kind == h5l.TYPE_EXTERNAL:
        raise _reaches_out(where, "links to another file", path)
    if kind == h5l.TYPE_SOFT:
        raise _two_names(where, path)


def _check_new(item: HDF5Object, visited: set[int], path: Path) -> None:
    if item.address in visited:
        raise _two_names(item.name, path)
    visited.add(item.address)
    if len(visited) > MOST_OBJECTS:
        raise InputTooLarge(f"{path.name} holds more than {MOST_OBJECTS} HDF5 objects.")


def _check_storage(item: HDF5Object, path: Path) -> None:
    if item.is_dataset:
        creation = item.identifier.get_create_plist()
        if creation.get_external_count():
            raise _reaches_out(item.name, "keeps its values in another file", path)
        if creation.get_layout() == h5d.VIRTUAL:
            raise _reaches_out(item.name, "is pieced together from other files", path)


def _reaches_out(where: str, how: str, path: Path) -> ContractViolation:
    return ContractViolation(
        f"A file must hold all of its own data, but {short(where)!r} of {path.name} {how}.",
        rule="external-data",
    )


def _two_names(where: str, path: Path) -> ContractViolation:
    return ContractViolation(
        f"Every group and data set must have one name, but {short(where)!r} of {path.name} is a"
        " link to one that has another name.",
        rule="hdf5-links",
    )
