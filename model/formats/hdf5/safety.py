"""HDF5 files that could mislead a reader are refused before anything follows them.

An HDF5 file can link to other files, keep its values in any file of the machine (external
storage), or be pieced together from others (virtual data sets). A file from a stranger that does so
would be answered with the contents of our own disk. NetCDF-4 and ODIM_H5 are both HDF5.

The NetCDF library opens every link, soft ones too, and descends into what it finds: a link from a
group to one above it has no end. So every object must have exactly one name; then what is checked
here, link by link, is what the library reads.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from echocast.model.errors import ContractViolation, InputTooLarge, short
from echocast.model.formats.hdf5.heaps import check_heaps
from echocast.model.formats.hdf5.reserved_attributes import check_reserved
from echocast.model.formats.netcdf.access import damage_is_unreadable

MOST_OBJECTS = 5000
MOST_LEVELS = 20  # of groups within groups
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_self_contained(path: Path) -> None:
    """Check that all of an HDF5 file is in the file, under one name each.

    Args:
        path: An HDF5 file.

    Raises:
        UnreadableInput: The file is damaged.
        InputTooLarge: It has too many objects or levels to look at.
        ContractViolation: It reaches outside itself, an object has two names, or an attribute
            that the NetCDF library uses for itself is of another type.
    """
    check_heaps(path)
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        check_reserved(file, path)
        visited = {_address(file)}
        level: list[h5py.Group] = [file]
        for _ in range(MOST_LEVELS):
            level = [group for parent in level for group in _groups(parent, visited, path)]
        if level:
            raise InputTooLarge(f"{path.name} has more than {MOST_LEVELS} levels of groups.")


def _groups(parent: h5py.Group, visited: set[int], path: Path) -> list[h5py.Group]:
    """The groups in a group; each link and object in it is checked."""
    groups = []
    for name in parent:
        _check_link(parent, name, path)
        item = parent[name]
        _check_new(item, visited, path)
        _check_storage(item, path)
        check_reserved(item, path)
        groups += [item] if isinstance(item, h5py.Group) else []
    return groups


def _address(item: h5py.Group | h5py.Dataset | h5py.Datatype) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _check_link(parent: h5py.Group, name: str, path: Path) -> None:
    kind = parent.id.links.get_info(name.encode("utf-8", "surrogateescape")).type
    if kind == h5py.h5l.TYPE_EXTERNAL:
        raise _reaches_out(f"{parent.name}/{name}", "links to another file", path)
    if kind == h5py.h5l.TYPE_SOFT:
        raise _two_names(f"{parent.name}/{name}", path)


def _check_new(
    item: h5py.Group | h5py.Dataset | h5py.Datatype, visited: set[int], path: Path
) -> None:
    if (address := _address(item)) in visited:
        raise _two_names(str(item.name), path)
    visited.add(address)
    if len(visited) > MOST_OBJECTS:
        raise InputTooLarge(f"{path.name} holds more than {MOST_OBJECTS} HDF5 objects.")


def _check_storage(item: object, path: Path) -> None:
    if isinstance(item, h5py.Dataset):
        creation = item.id.get_create_plist()
        if creation.get_external_count():
            raise _reaches_out(str(item.name), "keeps its values in another file", path)
        if creation.get_layout() == h5py.h5d.VIRTUAL:
            raise _reaches_out(str(item.name), "is pieced together from other files", path)


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
