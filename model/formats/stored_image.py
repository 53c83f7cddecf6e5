"""StoredImage: one radar image as an agency stores it, and how it becomes a frame.

A reader of a format finds out what the file says; what follows from it is the same for all and
stands here: codes, units, amounts, the Z-R relation, and the checks on values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation
from echocast.model.formats.crop import Crop, Window
from echocast.model.formats.header import FileHeader
from echocast.model.formats.intervals import FrameTimes, with_amounts
from echocast.model.formats.plausible import check_reflectivity, check_strongest
from echocast.model.formats.relation import NAMES, stated_relation
from echocast.model.formats.stored_codes import Mask, Stored, ends, occurrences
from echocast.model.formats.units import RadarUnit
from echocast.model.frames import Frames, joined_notes
from echocast.model.grid import FloatArray, Grid
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR


@dataclass(frozen=True)
class StoredNumbers:
    """How numbers are stored: value = raw * gain + offset, beside codes.

    Args:
        gain: Factor.
        offset: What is added.
        missing: Codes of pixels that were not measured; NaN always is one.
        dry: Codes of pixels that were measured and had no echo.
        curve: Raw numbers to values, where they are not proportional.
    """

    gain: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()
    dry: tuple[float, ...] = ()
    curve: Callable[[Stored], FloatArray] | None = None

    def values(self, raw: Stored) -> FloatArray:
        """Values of raw numbers, codes as if they were numbers."""
        if self.curve is not None:
            return self.curve(raw)
        unpacked = raw * self.gain
        unpacked += self.offset
        return unpacked.astype(np.float32)


@dataclass(frozen=True)
class StoredImage:
    """One image, not read yet.

    Args:
        kind: Format of the file.
        variable: Name of the field in the file.
        stated_units: Its unit in the file's own words.
        unit: What its values are.
        times: Its valid time, as the file gives it.
        grid: Where its pixels are.
        dtype: Of the raw numbers.
        raw: Reads the raw numbers (y, x) of a window.
        packing: What the raw numbers mean.
        declare: How such a file declares missing pixels, in messages.
        attributes: Provenance; ``zr_a`` and ``zr_b`` where the agency's relation is known.
        notes: What was decided, a sentence by subject.
    """

    kind: str
    variable: str
    stated_units: str
    unit: RadarUnit
    times: FrameTimes
    grid: Grid
    dtype: np.dtype[Any]
    raw: Callable[[Window], Stored]
    packing: StoredNumbers = StoredNumbers()
    declare: str = "a nodata value"
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def header(self) -> FileHeader:
        """What the file holds; no value is read."""
        names = self.kind, self.variable, self.stated_units
        return FileHeader(self.times.times, self.unit.of_stream, *names, self.grid.shape)

    def frames(self, crop: Crop, contract: InputContract, file_bytes: int, where: str) -> Frames:
        """The image as one frame.

        Args:
            crop: The part that is read.
            contract: Size limits, checked before a value is read.
            file_bytes: Size of the file.
            where: Names the file in messages.

        Raises:
            InputTooLarge: It claims more than the limits allow.
            ContractViolation: Its values break a rule.
        """
        height, width = self.grid.shape
        contract.check_claim(height * width * self.dtype.itemsize, file_bytes, where)
        window = crop.window(self.grid, where)
        grid = self.grid.part(*window)
        contract.check_size((1, *grid.shape), where)
        times = with_amounts(self.times, self.unit, where) if self.unit.is_rain else self.times
        values, notes = self._reflectivity(window, times, where)
        everything = joined_notes([self.notes, times.notes, notes])
        return Frames(
            values[None], times.times, grid, NO_RAIN_DBZ, dict(self.attributes), everything
        )

    def _reflectivity(
        self, window: Window, times: FrameTimes, where: str
    ) -> tuple[FloatArray, dict[str, str]]:
        """(y, x) in dBZ, -32 where dry, NaN where missing; and a note on the Z-R relation."""
        raw = self.raw(window)
        missing, dry = (_any_of(raw, codes) for codes in (self.packing.missing, self.packing.dry))
        self._check_declared(raw, where)
        values = self.packing.values(raw)
        np.copyto(values, 0.0 if self.unit.is_rain else NO_RAIN_DBZ, where=dry)
        np.copyto(values, np.nan, where=missing)
        if not self.unit.is_rain:
            check_reflectivity(values, where, self.declare)
            return np.maximum(values, np.float32(NO_RAIN_DBZ), out=values), {}
        relation, note = stated_relation({n: v for n, v in self.attributes.items() if n in NAMES})
        factor = np.broadcast_to(times.factor(self.unit, slice(None)), (1, 1, 1))[0]
        values = ZR.of_attributes(relation).reflectivity_dbz(values * factor, where=where)
        check_strongest(values, where, self.declare)
        return values, note

    def _check_declared(self, raw: Stored, where: str) -> None:
        """Integers at the end of their type may be missing or the most rain.

        Raises:
            ContractViolation: They occur, and no code says which.
        """
        if self.packing.missing or self.packing.curve is not None:
            return
        for value in ends(raw.dtype):
            if value not in self.packing.dry and (pixels := np.count_nonzero(raw == value)):
                raise ContractViolation(
                    f"{where} has {raw.dtype} data that hold {value} in {pixels} pixels: missing,"
                    f" or the strongest rain? Declare {self.declare}.",
                    rule="undeclared-code",
                )


def _any_of(raw: Stored, codes: tuple[float, ...]) -> Mask:
    """True where one of the codes is stored."""
    mask = np.zeros(raw.shape, bool)
    for code in codes:
        mask |= occurrences(raw, np.float64(code))
    return mask
