"""Towns of the world by name and by place (GeoNames), the largest first.

``tools/vendor_towns.py`` writes `towns/towns.tsv.xz`: one town a line, with its names between bars,
latitude, longitude, country and people.
"""

from __future__ import annotations

import lzma
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.place.earth import TURN_DEGREES

TOWNS_PATH: Final = Path(__file__).with_name("towns") / "towns.tsv.xz"
ATTRIBUTION: Final = "GeoNames (CC BY 4.0)"
BAR: Final = "|"  # before and after every name


@dataclass(frozen=True)
class Town:
    """A town.

    Args:
        name: As GeoNames writes it, mostly in English or the local language.
        latitude: In degrees.
        longitude: In degrees, -180 to 180.
        country: Two letters (ISO 3166).
        population: People (count).
    """

    name: str
    latitude: float
    longitude: float
    country: str
    population: int

    @classmethod
    def of_line(cls, line: str) -> Self:
        """The town of a line of the file."""
        names, latitude, longitude, country, population = line.split("\t")
        first = names.split(BAR)[1]
        return cls(first, float(latitude), float(longitude), country, int(population))


@dataclass(frozen=True)
class GeographicBox:
    """A part of the earth in degrees; ``west`` may be below -180 and ``east`` above 180."""

    south: float = -90.0
    west: float = -180.0
    north: float = 90.0
    east: float = 180.0


class Towns:
    """Towns, the largest first; safe to share among threads."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        columns = [line.split("\t", 3) for line in self._lines]
        self._places: NDArray[np.float32] = np.array([one[1:3] for one in columns], np.float32)
        self._folded = folded("\n".join(one[0] for one in columns))
        self._starts = [0, *(match.end() for match in re.finditer("\n", self._folded))]

    def within(self, box: GeographicBox, most: int) -> list[Town]:
        """The largest towns within a box."""
        return [self._town(index) for index in np.flatnonzero(self._inside(box))[:most]]

    def named(self, name: str, box: GeographicBox, most: int) -> list[Town]:
        """Towns of a name, then those whose name begins so; of both first those within a box.

        Args:
            name: In any case, with or without accents.
            box: Where they are looked for first.
            most: How many (count).
        """
        sought, inside = folded(name.strip()).replace(BAR, " "), self._inside(box)
        same = set(self._having(BAR + sought + BAR))
        matching = dict.fromkeys(self._having(BAR + sought))
        order = sorted(matching, key=lambda index: (index not in same, not inside[index], index))
        return [self._town(index) for index in order[:most]]

    def _town(self, index: int) -> Town:
        return Town.of_line(self._lines[index])

    def _inside(self, box: GeographicBox) -> NDArray[np.bool_]:
        latitudes, longitudes = self._places.T
        east = (longitudes - box.west) % TURN_DEGREES <= box.east - box.west
        inside: NDArray[np.bool_] = (latitudes >= box.south) & (latitudes <= box.north) & east
        return inside

    def _having(self, part: str) -> Iterator[int]:
        """Lines that have a part in their names, in order, some of them more than once."""
        at = self._folded.find(part)
        while at >= 0:
            yield bisect_right(self._starts, at) - 1
            at = self._folded.find(part, at + 1)


def folded(text: str) -> str:
    """Text as names are compared: without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub("[\u0300-\u036f]", "", plain)


@cache
def all_towns() -> Towns:
    """The towns of this version of the package: those of 5000 people or more."""
    return Towns(lzma.decompress(TOWNS_PATH.read_bytes()).decode())


def file_text(towns: Sequence[tuple[Town, Sequence[str]]]) -> str:
    """Lines of towns, each with its other names."""
    ordered = sorted(towns, key=lambda one: -one[0].population)
    return "\n".join(_line(town, names) for town, names in ordered) + "\n"


def _line(town: Town, names: Sequence[str]) -> str:
    all_names = BAR + BAR.join([town.name, *names]) + BAR
    place = f"{town.latitude:.3f}\t{town.longitude:.3f}"
    return f"{all_names}\t{place}\t{town.country}\t{town.population}"
