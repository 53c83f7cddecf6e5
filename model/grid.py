"""Grid: where the pixels of radar images are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

KM_PER_DEGREE = 111.195  # one degree of a great circle, mean Earth radius 6371 km
KM_PER_UNIT = {"m": 1e-3, "km": 1.0}
GEOLOCATION = ("latitude", "longitude")
SAME_DEGREES = 1e-3  # about 100 m
DEFAULT_PIXEL_KM = 1.0  # where a grid does not say

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the pixels are.

    Args:
        y: Pixel centres along rows, row 0 first, shape (height,), in ``units``.
        x: Pixel centres along columns, shape (width,), in ``units``.
        units: ``m``, ``km``, ``degree`` (longitude/latitude) or ``1`` (plain pixel numbers).
        crs: CF grid-mapping attributes (with ``crs_wkt`` where known); empty if unknown.
        latitude: Degrees north of each pixel, (height, width), where the input tells; handed on.
        longitude: Degrees east, where the input tells.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    units: str = "1"
    crs: Mapping[str, Any] = field(default_factory=dict)
    latitude: FloatArray | None = None
    longitude: FloatArray | None = None

    @classmethod
    def of_pixels(cls, height: int, width: int) -> Self:
        """A grid that knows nothing but its size."""
        return cls(y=np.arange(height, dtype=float), x=np.arange(width, dtype=float))

    @classmethod
    def of_squares(cls, height: int, width: int, km: float) -> Self:
        """Squares of known size at an unknown place."""
        y, x = (np.arange(size, dtype=float) * km for size in (height, width))
        return cls(y=y, x=x, units="km")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return len(self.y), len(self.x)

    @property
    def pixel_size_km(self) -> float | None:
        """Side of a square of one pixel's area in km; None where the grid does not say."""
        if len(self.y) < 2 or len(self.x) < 2:
            return None
        if self.units == "1":
            return self._geolocated_pixel_km()
        dy = abs(float(self.y[-1] - self.y[0])) / (len(self.y) - 1)
        dx = abs(float(self.x[-1] - self.x[0])) / (len(self.x) - 1)
        if self.units == "degree":
            middle = np.deg2rad(float(self.y[0] + self.y[-1]) / 2)
            return float(np.sqrt(dy * dx * np.cos(middle)) * KM_PER_DEGREE)
        return float(np.sqrt(dy * dx) * KM_PER_UNIT[self.units])

    def _geolocated_pixel_km(self) -> float | None:
        """The same by latitude and longitude: the median of all pixels."""
        if self.latitude is None or self.longitude is None:
            return None
        north = np.gradient(self.latitude.astype(np.float64))
        east = np.gradient(np.unwrap(self.longitude.astype(np.float64), period=360))
        areas = abs(north[0] * east[1] - north[1] * east[0]) * np.cos(np.deg2rad(self.latitude))
        known = areas[np.isfinite(areas)]
        return float(np.sqrt(np.median(known)) * KM_PER_DEGREE) if known.size else None

    def same_as(self, other: Grid) -> bool:
        """True where both grids put every pixel at the same place, as far as both tell."""
        return (
            self.shape == other.shape
            and self.units == other.units
            and np.allclose(self.y, other.y, rtol=1e-6, atol=1e-6)
            and np.allclose(self.x, other.x, rtol=1e-6, atol=1e-6)
            and _agree(self.latitude, other.latitude)
            and _agree(self.longitude, other.longitude)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal grid back."""
        value: dict[str, Any] = {
            "y": self.y.tolist(),
            "x": self.x.tolist(),
            "units": self.units,
            "crs": dict(self.crs),
        }
        for name in GEOLOCATION:
            if (degrees := getattr(self, name)) is not None:
                value[name] = base64.b64encode(degrees.astype("<f4").tobytes()).decode()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The grid that :meth:`to_json` described."""
        y, x = (np.asarray(value[axis], dtype=float) for axis in ("y", "x"))
        degrees = {
            name: np.frombuffer(base64.b64decode(value[name]), "<f4").reshape(len(y), len(x))
            for name in GEOLOCATION
            if name in value
        }
        return cls(y=y, x=x, units=str(value["units"]), crs=dict(value["crs"]), **degrees)


def _agree(ours: FloatArray | None, theirs: FloatArray | None) -> bool:
    """True where two sets of degrees are the same, or one is not known."""
    if ours is None or theirs is None:
        return True
    return np.allclose(ours, theirs, rtol=0, atol=SAME_DEGREES, equal_nan=True)
