"""HDF5 files that reach outside themselves are refused before anything follows them.

An HDF5 file can link to other files, keep its values in any file of the machine (external
storage), or be pieced together from others (virtual data sets). A file from a stranger that does so
would be answered with the contents of our own disk. NetCDF-4 and ODIM_H5 are both HDF5.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from echocast.model.errors import ContractViolation, InputTooLarge
from echocast.model.formats.netcdf_access import damage_is_unreadable

MOST_OBJECTS = 5000
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_self_contained(path: Path) -> None:
    """Check that all of an HDF5 file is in the file.

    Args:
        path: An HDF5 file.

    Raises:
        UnreadableInput: The file is damaged.
        InputTooLarge: It has too many objects to look at.
        ContractViolation: It reaches outside itself.
    """
    with damage_is_unreadable(path), h5py.File(path, "r") as file:
        waiting: list[h5py.Group] = [file]
        visited: set[int] = set()
        while waiting:
            waiting.extend(_new_groups(waiting.pop(), visited, path))


def _new_groups(group: h5py.Group, visited: set[int], path: Path) -> list[h5py.Group]:
    """Groups in a group that were not visited yet; each link and data set in it is checked."""
    groups = []
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise _reaches_out(f"{group.name}/{name}", "links to another file", path)
        if isinstance(link, h5py.SoftLink):
            continue  # its target, where there is one in this file, is met by its own name
        item = group[name]
        address = int(h5py.h5o.get_info(item.id).addr)
        if address not in visited:
            visited.add(address)
            _check_count(visited, path)
            _check_storage(item, path)
            groups += [item] if isinstance(item, h5py.Group) else []
    return groups


def _check_count(visited: set[int], path: Path) -> None:
    if len(visited) > MOST_OBJECTS:
        raise InputTooLarge(f"{path.name} holds more than {MOST_OBJECTS} HDF5 objects.")


def _check_storage(item: object, path: Path) -> None:
    if isinstance(item, h5py.Dataset):
        if item.external:
            raise _reaches_out(str(item.name), "keeps its values in another file", path)
        if item.is_virtual:
            raise _reaches_out(str(item.name), "is pieced together from other files", path)


def _reaches_out(where: str, how: str, path: Path) -> ContractViolation:
    return ContractViolation(
        f"A file must hold all of its own data, but {where!r} of {path.name} {how}.",
        rule="external-data",
    )
