"""Reading: what a caller says of a file, beside what the file says itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from echocast.model.errors import ContractViolation
from echocast.model.formats.crop import Crop
from echocast.model.formats.stored_image import StoredNumbers


@dataclass(frozen=True)
class Stated:
    """What files do not say that need it: GeoTIFF without tags, GRIB2 with a table of its agency.

    Args:
        units: Of the values, as a unit string: ``dBZ``, ``mm/h``, ``mm/5min``.
        gain: Factor of raw numbers.
        offset: Added to them.
        nodata: Code of pixels that were not measured.
        undetect: Code of pixels that were measured and had no echo.
        of_stream: Whether it is stated of a stream: files of it may also say all themselves.
    """

    units: str | None = None
    gain: float | None = None
    offset: float | None = None
    nodata: float | None = None
    undetect: float | None = None
    of_stream: bool = False

    def check_unused(self, where: str) -> None:
        """Check that nothing is stated of a file that says all of itself.

        Raises:
            ContractViolation: Something is.
        """
        if not self.of_stream and self != Stated():
            raise ContractViolation(
                f"Units, gain, offset and codes are stated, but {where} says them itself; leave the"
                " statement out, or correct the file.",
                rule="contradicting-statement",
            )

    def completes(self, packing: StoredNumbers, where: str) -> StoredNumbers:
        """The packing of a file, with what it leaves open.

        Args:
            packing: As the file declares it.
            where: Names the file in messages.

        Raises:
            ContractViolation: The file declares something else.
        """
        gain = _agreed("gain", self.gain, packing.gain, 1.0, where)
        offset = _agreed("offset", self.offset, packing.offset, 0.0, where)
        missing = _code("nodata", self.nodata, packing.missing, where)
        dry = _code("undetect", self.undetect, packing.dry, where)
        return StoredNumbers(gain, offset, missing, dry, packing.curve)


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Args:
        variable: Name of the field; None: found by itself.
        stated: What the caller says of values that the file does not.
        crop: The part that is read, and how coarse.
    """

    variable: str | None = None
    stated: Stated = field(default_factory=Stated)
    crop: Crop = field(default_factory=Crop)

    @classmethod
    def of_words(
        cls,
        variable: str | None = None,
        units: str | None = None,
        gain: float | None = None,
        offset: float | None = None,
        nodata: float | None = None,
        undetect: float | None = None,
        at: str | None = None,
        radius_km: float | None = None,
        bbox: str | None = None,
        reduce: int = 1,
        *,
        of_stream: bool = False,
    ) -> Self:
        """A reading as options and queries give it: see :class:`Stated` and :meth:`.Crop.of_words`.

        Raises:
            ContractViolation: They make no region.
        """
        stated = Stated(units, gain, offset, nodata, undetect, of_stream)
        return cls(variable, stated, Crop.of_words(at, radius_km, bbox, reduce))


def _agreed(name: str, stated: float | None, own: float, default: float, where: str) -> float:
    if stated is None or stated == own:
        return own
    if own == default:
        return stated
    raise _contradiction(name, stated, own, where)


def _code(name: str, stated: float | None, own: tuple[float, ...], where: str) -> tuple[float, ...]:
    if stated is None or stated in own:
        return own
    if not own:
        return (stated,)
    raise _contradiction(name, stated, own[0], where)


def _contradiction(name: str, stated: float, own: float, where: str) -> ContractViolation:
    return ContractViolation(
        f"The {name} of {where} is stated as {stated:g}, but the file says {own:g}; leave the"
        " statement out, or correct the file.",
        rule="contradicting-statement",
    )
