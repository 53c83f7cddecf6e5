"""Coasts and borders of the world (Natural Earth, 1:50 million), as the page shows them too.

``tools/vendor_page.py`` writes `world/world.json`: TopoJSON whose arcs neighbours share. An arc of
``land`` is a coast; any other belongs to countries only, and is a border.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.place.earth import TURN_DEGREES

WORLD_PATH: Final = Path(__file__).with_name("world") / "world.json"
FINEST_STEP: Final = 0.25  # degrees between points: what is straight on one map bends on another

Lines = NDArray[np.float64]  # latitude and longitude in degrees, shape (2, points)


@dataclass(frozen=True)
class WorldLines:
    """Lines in degrees, shape (2, points): latitude above longitude, NaN between two lines.

    Args:
        coasts: Where land meets the sea.
        borders: Where countries meet.
    """

    coasts: Lines
    borders: Lines


@cache
def world_lines() -> WorldLines:
    """All coasts and borders, read once a process."""
    world = json.loads(WORLD_PATH.read_text())
    coasts = set(_arc_numbers(world["objects"]["land"]))
    borders = set(_arc_numbers(world["objects"]["countries"])) - coasts
    return WorldLines(_lines(world, coasts), _lines(world, borders))


def joined(lines: list[Lines]) -> Lines:
    """Lines as one, NaN between them."""
    gap = np.full((2, 1), np.nan)
    return np.concatenate([part for line in lines for part in (line, gap)] or [gap], axis=1)


def _arc_numbers(collection: Mapping[str, Any]) -> Iterator[int]:
    """The arcs of all geometries; ``~n`` is arc n backwards."""
    for geometry in collection["geometries"]:
        for number in _flat(geometry.get("arcs", [])):
            yield max(number, ~number)


def _flat(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    else:
        for part in value:
            yield from _flat(part)


def _lines(world: Mapping[str, Any], numbers: set[int]) -> Lines:
    """Some arcs, which are steps from point to point, as places."""
    arcs = [world["arcs"][number] for number in sorted(numbers)]
    steps = np.array([step for arc in arcs for step in arc], float)
    turn = TURN_DEGREES / world["transform"]["scale"][0]
    steps[:, 0] = (steps[:, 0] + turn / 2) % turn - turn / 2  # over the date line, the short way
    lengths = [len(arc) for arc in arcs]
    first = np.cumsum([0, *lengths[:-1]])
    points = np.cumsum(steps, axis=0)
    points -= np.repeat(points[first] - steps[first], lengths, axis=0)
    degrees = points * world["transform"]["scale"] + world["transform"]["translate"]
    return _refined(np.insert(degrees, first[1:], np.nan, axis=0).T[::-1])


def _refined(lines: Lines) -> Lines:
    """Lines with points between those that lie far apart."""
    longest = np.nan_to_num(abs(np.diff(lines)).max(axis=0, initial=0))
    pieces = np.maximum(1, np.ceil(longest / FINEST_STEP))
    at = np.concatenate([[0.0], np.cumsum(pieces)])
    every = np.arange(at[-1] + 1)
    return np.stack([np.interp(every, at, degrees) for degrees in lines])
