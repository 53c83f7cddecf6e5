"""Options that say how radar files are read, the same for every command that reads any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.formats.reading_words import MEANINGS, STATED, given_words

if TYPE_CHECKING:
    from echocast.model.formats.reading import Reading


def _files(paths: list[Path]) -> list[Path]:
    from echocast.model.formats.event_files import files_of

    return files_of(paths)


RadarFiles = Annotated[
    list[Path],
    typer.Argument(
        help="Radar files, or folders of them, any order.", exists=True, callback=_files
    ),
]
Variable = Annotated[str | None, typer.Option(help=MEANINGS["variable"])]
At = Annotated[str | None, typer.Option(help=MEANINGS["at"], metavar="PLACE")]
RadiusKm = Annotated[float | None, typer.Option(help=MEANINGS["radius_km"], metavar="KM")]
Bbox = Annotated[str | None, typer.Option(help=MEANINGS["bbox"], metavar="BOX")]
Reduce = Annotated[int, typer.Option(help=MEANINGS["reduce"], min=1, max=16)]
Stated = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="What a GeoTIFF or GRIB2 does not say: units=dBZ, gain=0.5, offset=-32, nodata=255,"
        " undetect=0; may be repeated.",
        metavar="NAME=VALUE",
    ),
]


def reading_words(
    at: str | None,
    radius_km: float | None,
    bbox: str | None,
    reduce: int,
    state: Sequence[str] | None,
) -> dict[str, Any]:
    """Options as words of :meth:`.Reading.of_words`; what is not given is left out.

    Raises:
        BadParameter: Something is stated that is unknown, or no number.
    """
    given = given_words(at=at, radius_km=radius_km, bbox=bbox, reduce=reduce)
    return given | dict(_stated(pair) for pair in state or ())


def reading_of(
    variable: str | None,
    at: str | None,
    radius_km: float | None,
    bbox: str | None,
    reduce: int,
    state: Sequence[str] | None,
) -> Reading:
    """Options as a reading.

    Raises:
        BadParameter: Something is stated that is unknown, or no number.
        ContractViolation: They make no region.
    """
    from echocast.model.formats.reading import Reading

    return Reading.of_words(variable, **reading_words(at, radius_km, bbox, reduce, state))


def _stated(pair: str) -> tuple[str, str | float]:
    """``units=dBZ`` and the like, as name and value."""
    name, _, value = pair.partition("=")
    if name not in STATED:
        raise typer.BadParameter(f"{pair!r} states neither units, gain, offset nor a code.")
    try:
        return name, value if name == "units" else float(value)
    except ValueError:
        raise typer.BadParameter(f"{name} must be a number, not {value!r}.") from None
