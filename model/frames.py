"""Frames: radar images in time order, the one value type that crosses the system.

Missing is not dry. A pixel the radar did not measure is NaN (``frames.missing`` is the explicit
mask); a pixel that it measured without an echo holds ``no_rain_dbz``, the floor of the product.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echocast.model.errors import ContractViolation
from echocast.model.grid import FloatArray, Grid
from echocast.model.grid_difference import grid_difference, grid_note

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

__all__ = ["EPOCH", "Frames", "content_sha256", "joined_notes", "unmasked"]


@dataclass(frozen=True, eq=False)
class Frames:
    """Radar images in time order, observed or forecast.

    Args:
        reflectivity_dbz: float32 (time, y, x) in dBZ; NaN or masked where missing. Made read-only.
        times: What each frame depicts (valid time); timezone-aware UTC, strictly increasing.
        grid: Where the pixels are.
        no_rain_dbz: The product's floor: value of "measured, no echo", in dBZ.
        attributes: Provenance carried along (source, institution, zr_a, zr_b, ...).
        notes: What a reader of the forecast should know of the input, a sentence by subject; the
            forecast's ``quality`` repeats it. E.g. how contradicting codes were read.

    Raises:
        ContractViolation: Shapes disagree, an infinity, or times not strictly increasing UTC.
    """

    reflectivity_dbz: FloatArray
    times: tuple[datetime, ...]
    grid: Grid
    no_rain_dbz: float = 0.0
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_description()
        self._check_finite()

    @classmethod
    def trusted(
        cls,
        reflectivity_dbz: FloatArray,
        times: Sequence[datetime],
        grid: Grid,
        no_rain_dbz: float,
        attributes: Mapping[str, str],
        notes: Mapping[str, str],
    ) -> Self:
        """Frames of values that cannot be infinite, so that not every pixel is looked at again.

        Shape and times are checked as ever. Values of integers, parts of valid frames, and what is
        interpolated between valid frames cannot be infinite.
        """
        frames = object.__new__(cls)
        given = (reflectivity_dbz, times, grid, no_rain_dbz, attributes, notes)
        for name, value in zip(cls.__dataclass_fields__, given, strict=True):
            object.__setattr__(frames, name, value)
        frames._check_description()
        return frames

    def _check_description(self) -> None:
        """Make the values read-only; check shape and times."""
        values = unmasked(self.reflectivity_dbz)
        if values is self.reflectivity_dbz and values.flags.writeable:
            values = values.view()
        values.flags.writeable = False
        object.__setattr__(self, "reflectivity_dbz", values)
        object.__setattr__(self, "times", tuple(self.times))
        self._check_shape()
        self._check_times()

    def _check_shape(self) -> None:
        values = self.reflectivity_dbz
        expected = (len(self.times), *self.grid.shape)
        if values.ndim != 3 or values.shape != expected:
            raise ContractViolation(
                f"Frames must have the shape (time, y, x) = {expected} of their times and grid,"
                f" not {values.shape}.",
                rule="shape",
            )

    def _check_times(self) -> None:
        for index, time in enumerate(self.times):
            if time.tzinfo is None or time.utcoffset() != timedelta(0):
                raise ContractViolation(
                    f"Times must be UTC, but time {index} is {time!r}.", rule="time-zone"
                )
            if index and time <= self.times[index - 1]:
                raise ContractViolation(
                    f"Times must strictly increase, but time {index} ({time.isoformat()}) does not"
                    f" come after {self.times[index - 1].isoformat()}.",
                    rule="time-order",
                )

    def _check_finite(self) -> None:
        for t, frame in enumerate(self.reflectivity_dbz):  # one by one: few masks in memory
            if (infinite := np.isinf(frame)).any():
                y, x = (int(index[0]) for index in np.nonzero(infinite))
                raise ContractViolation(
                    f"Reflectivity must be finite or missing, but frame {t} holds an infinity"
                    f" at row {y}, column {x}; where it is 10 log10(0), give the floor.",
                    rule="infinite-value",
                )

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def of_array(
        cls, reflectivity_dbz: FloatArray, *, step_minutes: float, km_per_pixel: float
    ) -> Self:
        """Frames of an array that knows neither its place nor its time.

        Args:
            reflectivity_dbz: (time, height, width) in dBZ, NaN or masked where missing.
            step_minutes: Time between frames.
            km_per_pixel: Side of a pixel.

        Raises:
            ContractViolation: Not three axes, an infinity, or a step or pixel that is not positive.
        """
        values = unmasked(reflectivity_dbz)
        if values.ndim != 3:
            raise ContractViolation(
                f"Frames must have the shape (time, y, x), not {values.shape}.", rule="shape"
            )
        if not (step_minutes > 0 and km_per_pixel > 0):
            raise ContractViolation(
                f"Step and pixel size must be positive, not {step_minutes} min and"
                f" {km_per_pixel} km.",
                rule="step",
            )
        times = [EPOCH + k * timedelta(minutes=step_minutes) for k in range(len(values))]
        height, width = values.shape[1:]
        return cls(values, tuple(times), Grid.of_squares(height, width, km_per_pixel))

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where the radar did not measure, shape (time, y, x)."""
        return np.isnan(self.reflectivity_dbz)

    @property
    def step(self) -> timedelta:
        """Median time between neighbouring frames.

        Raises:
            ContractViolation: There is one frame only.
        """
        if len(self) < 2:
            raise ContractViolation("One frame alone has no time step.", rule="frame-count")
        return median_step(self.times)

    def __getitem__(self, which: slice) -> Frames:
        """The frames of a slice of the time axis."""
        return self.derived(self.reflectivity_dbz[which], self.times[which])

    def with_values(self, reflectivity_dbz: FloatArray, times: Sequence[datetime]) -> Frames:
        """Other values and times on the same grid, with the same floor and provenance."""
        return replace(self, reflectivity_dbz=reflectivity_dbz, times=tuple(times))

    def on_grid(self, grid: Grid, rule: str) -> Frames:
        """These frames on another grid, from which theirs differs by at most one pixel.

        Args:
            grid: Where they are put; a note says so where it is not quite theirs.
            rule: What a refusal begins with, e.g. "All files must be on one grid".

        Raises:
            ContractViolation: The grids differ by more.
        """
        if not grid.near(self.grid):
            raise ContractViolation(
                f"{rule}, but {grid_difference(grid, self.grid)}. Frames of another grid need a"
                " forecast or a stream of their own.",
                rule="grid",
            )
        notes = joined_notes([self.notes, grid_note(grid, self.grid)])
        known = (self.reflectivity_dbz, self.times, grid, self.no_rain_dbz, self.attributes)
        return Frames.trusted(*known, notes)

    def derived(self, reflectivity_dbz: FloatArray, times: Sequence[datetime]) -> Frames:
        """As :meth:`with_values`, of values that cannot be infinite; see :meth:`trusted`."""
        return Frames.trusted(
            reflectivity_dbz, times, self.grid, self.no_rain_dbz, self.attributes, self.notes
        )

    @staticmethod
    def overlaid(parts: Sequence[Frames]) -> Frames:
        """Frames of one grid as one; of the same valid time the later part's frame counts.

        Args:
            parts: At least one; grid, floor and provenance are those of the first.
        """
        if len(parts) == 1:
            return parts[0]
        by_time = {
            time: values
            for frames in parts
            for time, values in zip(frames.times, frames.reflectivity_dbz, strict=True)
        }
        times = sorted(by_time)
        return parts[0].derived(np.stack([by_time[time] for time in times]), times)

    def up_to(self, reference_time: datetime) -> Frames:
        """The frames valid at or before ``reference_time``."""
        return self[: sum(time <= reference_time for time in self.times)]

    def after(self, reference_time: datetime) -> Frames:
        """The frames valid later than ``reference_time``."""
        return self[sum(time <= reference_time for time in self.times) :]

    def description(self) -> dict[str, Any]:
        """Everything but the values, as plain JSON: stored beside them in an archive."""
        notes = {"notes": dict(self.notes)} if self.notes else {}
        return {
            **notes,
            "times": [time.isoformat() for time in self.times],
            "grid": self.grid.to_json(),
            "no_rain_dbz": self.no_rain_dbz,
            "attributes": dict(self.attributes),
        }

    @classmethod
    def from_description(cls, values: FloatArray, description: Mapping[str, Any]) -> Self:
        """Values and the :meth:`description` that was stored beside them, together again."""
        frames = cls.trusted(values, *_described(description))
        frames._check_finite()
        return frames

    @classmethod
    def normalised(cls, shape: tuple[int, ...], description: Mapping[str, Any]) -> dict[str, Any]:
        """A :meth:`description` of values of a shape, checked, as :meth:`description` writes it."""
        nothing = np.broadcast_to(np.float32(0), shape)
        return cls.trusted(nothing, *_described(description)).description()

    def sha256(self) -> str:
        """Hash of values, times, grid and floor: equal frames have equal names."""
        values = np.ascontiguousarray(self.reflectivity_dbz).reshape(-1).view(np.uint8)
        return content_sha256(self.description(), [values.data])


def _described(
    description: Mapping[str, Any],
) -> tuple[tuple[datetime, ...], Grid, float, dict[str, str], dict[str, str]]:
    return (
        tuple(datetime.fromisoformat(t).astimezone(UTC) for t in description["times"]),
        Grid.from_json(description["grid"]),
        float(description["no_rain_dbz"]),
        {str(k): str(v) for k, v in description["attributes"].items()},
        {str(k): str(v) for k, v in description.get("notes", {}).items()},
    )


def unmasked(values: ArrayLike) -> FloatArray:
    """Values as float32 with NaN where they are missing: NaN already, or masked (``numpy.ma``).

    What lies beneath a mask is no measurement. Plain float32 arrays are not copied.
    """
    if type(values) is np.ndarray:
        return np.asarray(values, dtype=np.float32)
    with np.errstate(over="ignore"):  # a fill value beneath the mask
        masked = np.ma.asarray(values, dtype=np.float32)
    return np.asarray(masked.filled(np.nan), dtype=np.float32)


def joined_notes(notes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Notes of several frames as one: of each subject every different sentence once."""
    sentences: dict[str, dict[str, None]] = {}
    for part in notes:
        for subject, sentence in part.items():
            sentences.setdefault(subject, {})[sentence] = None
    return {subject: " ".join(different) for subject, different in sentences.items()}


def median_step(times: Sequence[datetime]) -> timedelta:
    """Median time between neighbours of at least two times, to the millisecond."""
    seconds = np.median(np.diff([time.timestamp() for time in times]))
    return timedelta(seconds=round(float(seconds), 3))


def content_sha256(description: Mapping[str, Any], values: Iterable[bytes | memoryview]) -> str:
    """Hash of frames whose values come in blocks.

    Args:
        description: As :meth:`Frames.description` gives it.
        values: The float32 values in C order, in blocks of any size.
    """
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for block in values:
        digest.update(block)
    return digest.hexdigest()
