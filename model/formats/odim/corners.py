"""The corners of an ODIM_H5 composite in its projection, as a box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from echocast.model.errors import ContractViolation

DIAGONALS = (("UL", "LR"), ("LL", "UR"))  # the first that a file has spans the box
SAME_CORNER = 0.05  # of a pixel

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Outer edges of a grid, in the units of its projection.

    Args:
        west: Left edge.
        east: Right edge, greater than ``west``; over the date line, on the next turn.
        north: Upper edge.
        south: Lower edge.
        turn: How far along x the same place comes again; None: never.
    """

    west: float
    east: float
    north: float
    south: float
    turn: float | None

    @classmethod
    def of_corners(cls, corners: Mapping[str, Point], turn: float | None, where: str) -> Self:
        """The box between two opposite corners.

        Args:
            corners: (x, y) by UL, UR, LL, LR; two opposite ones at least.
            turn: See the class.
            where: Names the file in messages.

        Raises:
            ContractViolation: They span none.
        """
        if set(DIAGONALS[0]) <= set(corners):
            (west, north), (east, south) = corners["UL"], corners["LR"]
        else:
            (west, south), (east, north) = corners["LL"], corners["UR"]
        if turn is not None and east <= west:
            east += turn
        if not np.isfinite([west, east, north, south]).all() or east <= west or south >= north:
            raise ContractViolation(
                f"The corners of {where} must span a grid from north-west to south-east, but in its"
                f" projection they lie at ({west:g}, {north:g}) and ({east:g}, {south:g}).",
                rule="grid",
            )
        return cls(west, east, north, south, turn)

    def check(self, corners: Mapping[str, Point], side: Point, where: str) -> dict[str, str]:
        """A note where a corner lies beside the box, by at most one pixel.

        Args:
            corners: As in :meth:`of_corners`.
            side: Of a pixel, along x and y.
            where: Names the file in messages.

        Raises:
            ContractViolation: A corner lies further away.
        """
        name, apart = max(
            ((name, self._pixels_beside(name, point, side)) for name, point in corners.items()),
            key=lambda item: item[1],
        )
        if not apart <= 1:
            raise ContractViolation(
                f"The corners of {where} must be those of one grid, but {name} lies {apart:.3g}"
                " pixels beside the place that two opposite ones give.",
                rule="grid",
            )
        if apart <= SAME_CORNER:
            return {}
        used = " and ".join(DIAGONALS[0] if set(DIAGONALS[0]) <= set(corners) else DIAGONALS[1])
        return {"place": f"The corners disagree by up to one pixel; {used} count."}

    def _pixels_beside(self, name: str, point: Point, side: Point) -> float:
        along_x = point[0] - (self.west if name.endswith("L") else self.east)
        along_y = point[1] - (self.north if name.startswith("U") else self.south)
        if self.turn is not None:
            along_x -= self.turn * round(along_x / self.turn)
        return max(abs(along_x / side[0]), abs(along_y / side[1]))
