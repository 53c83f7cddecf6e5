"""Frames of several files as one sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.frames import Frames, joined_notes


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
