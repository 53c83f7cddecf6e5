"""Radar files in: any mix of CF NetCDF and ODIM_H5 composites becomes one sequence of frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, UnreadableInput
from echocast.model.formats.hdf5.safety import SIGNATURE, check_self_contained
from echocast.model.formats.header import FileHeader
from echocast.model.formats.json_reader import read_json
from echocast.model.formats.netcdf.access import damage_is_unreadable
from echocast.model.formats.netcdf.reader import FrameChooser, netcdf_header, read_netcdf
from echocast.model.formats.odim.reader import is_odim, odim_header, read_odim
from echocast.model.frames import Frames, joined_notes

__all__ = ["between", "merge", "newest", "read_frames", "read_header", "read_json", "read_netcdf"]

CLASSIC_NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05")


def read_frames(
    paths: Sequence[Path],
    *,
    variable: str | None = None,
    choose: FrameChooser | None = None,
    contract: InputContract | None = None,
) -> Frames:
    """Read radar files, in any order, one time or many a file.

    Args:
        paths: CF NetCDF files and ODIM_H5 composites.
        variable: Name of the NetCDF variable or ODIM quantity; None: found by itself.
        choose: Which frames of a file to read, given their times, e.g. :func:`newest`; others
            of a NetCDF file are not even read. None: all.
        contract: Size limits, checked before any value is read; None: the default.

    Returns:
        The frames in time order; equal frames of the same time count once.

    Raises:
        UnreadableInput: A file is damaged or of no format we know.
        UnsupportedInput: An ODIM_H5 file is no composite.
        InputTooLarge: A file claims more than the limits allow.
        ContractViolation: A file or their combination breaks a rule.
    """
    remaining = contract or InputContract()
    parts = []
    for path in paths:
        part = _read(path, variable, choose, remaining)
        remaining = replace(
            remaining,
            maximum_frames=remaining.maximum_frames - len(part),
            maximum_pixels=remaining.maximum_pixels - part.reflectivity_dbz.size,
        )
        parts.append(part)
    return merge([part for part in parts if len(part)] or parts[:1])


def newest(count: int, until: datetime | None) -> FrameChooser:
    """The newest ``count`` frames at or before a time; None: of all."""

    def chosen(times: Sequence[datetime]) -> slice:
        stop = len(times) if until is None else bisect_right(times, until)
        return slice(max(0, stop - count), stop)

    return chosen


def between(after: datetime, until: datetime) -> FrameChooser:
    """The frames later than one time, at or before another."""
    return lambda times: slice(bisect_right(times, after), bisect_right(times, until))


def _read(
    path: Path, variable: str | None, choose: FrameChooser | None, contract: InputContract
) -> Frames:
    if not _is_odim_file(path):
        return read_netcdf(path, variable=variable, choose=choose, contract=contract)
    frames = read_odim(path, variable=variable, contract=contract)
    return frames if choose is None else frames[choose(frames.times)]


def read_header(path: Path, variable: str | None = None) -> FileHeader:
    """What a radar file holds; no value is read.

    Args:
        path: A CF NetCDF file or an ODIM_H5 composite.
        variable: Name of the NetCDF variable or ODIM quantity; None: found by itself.

    Raises:
        UnreadableInput: The file is damaged or of no format we know.
        ContractViolation: It has no such field, or its times break a rule.
    """
    return (odim_header if _is_odim_file(path) else netcdf_header)(path, variable)


def _is_odim_file(path: Path) -> bool:
    """Whether a file is ODIM_H5 and not NetCDF, by what its first bytes say it is.

    Raises:
        UnreadableInput: It is neither, or holds links to other files.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(CLASSIC_NETCDF):
        return False
    if start != SIGNATURE:
        raise UnreadableInput(
            f"{path.name} must be NetCDF or HDF5, but it starts with {start!r}."
            if start
            else f"{path.name} is empty."
        )
    check_self_contained(path)
    with damage_is_unreadable(path), h5py.File(path, "r") as hdf5:
        return is_odim(hdf5)


def merge(parts: Sequence[Frames]) -> Frames:
    """Several sequences on one grid as one, in time order.

    Args:
        parts: At least one sequence.

    Returns:
        All frames; the lowest floor; the attributes on which all parts agree; the
        notes of all.

    Raises:
        ContractViolation: There is nothing to merge, grids differ, or two frames of the same time
            differ.
    """
    if not parts:
        raise ContractViolation("There must be at least one file.", rule="frame-count")
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    parts = [first, *(_on_grid_of(first, part) for part in parts[1:])]
    chosen = _chosen(parts)
    agreed = set(first.attributes.items()).intersection(*(p.attributes.items() for p in parts))
    return Frames(
        np.stack([part.reflectivity_dbz[index] for part, index in chosen]),
        tuple(part.times[index] for part, index in chosen),
        first.grid,
        min(part.no_rain_dbz for part in parts),
        dict(sorted(agreed)),
        joined_notes(part.notes for part in parts),
    )


def _on_grid_of(first: Frames, part: Frames) -> Frames:
    ours, theirs = first.times[0].isoformat(), part.times[0].isoformat()
    rule = f"All files must be on one grid (that of {theirs} on that of {ours})"
    return part.on_grid(first.grid, rule)


def _chosen(parts: Sequence[Frames]) -> list[tuple[Frames, int]]:
    """Every frame once, in time order."""
    everything = [(part, index) for part in parts for index in range(len(part))]
    chosen: list[tuple[Frames, int]] = []
    for part, index in sorted(everything, key=lambda item: item[0].times[item[1]]):
        if chosen and chosen[-1][0].times[chosen[-1][1]] == part.times[index]:
            _check_equal(chosen[-1], (part, index))
        else:
            chosen.append((part, index))
    return chosen


def _check_equal(first: tuple[Frames, int], second: tuple[Frames, int]) -> None:
    (part, index), (other, other_index) = first, second
    one, two = part.reflectivity_dbz[index], other.reflectivity_dbz[other_index]
    if not np.array_equal(one, two, equal_nan=True):
        raise ContractViolation(
            f"Two different frames claim the same time {part.times[index].isoformat()}.",
            rule="time-conflict",
        )
