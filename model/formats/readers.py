"""Radar files in: files of any known format, also packed, become one sequence of frames.

A format is one file of this folder and one line of :data:`FORMATS`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, UnreadableInput
from echocast.model.formats.cwa import cwa_image, is_cwa
from echocast.model.formats.fmi_pgm import fmi_pgm_image, is_fmi_pgm
from echocast.model.formats.geotiff import geotiff_image, is_geotiff
from echocast.model.formats.grib2 import grib2_image, is_grib2
from echocast.model.formats.hdf5.passed_over import check_nothing_is_passed_over
from echocast.model.formats.hdf5.safety import SIGNATURE, self_contained
from echocast.model.formats.header import FileHeader
from echocast.model.formats.hungaromet import hungaromet_image, is_hungaromet
from echocast.model.formats.knmi import is_knmi, knmi_image
from echocast.model.formats.merging import merge
from echocast.model.formats.meteoswiss_gif import is_meteoswiss_gif, meteoswiss_gif_image
from echocast.model.formats.netcdf.classic import is_classic
from echocast.model.formats.netcdf.reader import FrameChooser, netcdf_header, read_netcdf
from echocast.model.formats.odim.reader import odim_header, read_odim
from echocast.model.formats.odim.tree import is_odim
from echocast.model.formats.packed_files import unpacked
from echocast.model.formats.radolan import is_radolan, radolan_image
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_image import StoredImage
from echocast.model.frames import Frames

Part = TypeVar("Part")

START = 4096  # bytes by which a format is known
KNOWN = (
    "NetCDF, HDF5 (ODIM, KNMI), GeoTIFF, GRIB2, RADOLAN, FMI's PGM, MeteoSwiss' GIF or CWA's XML"
)


Image = Callable[[Path, Reading], AbstractContextManager[StoredImage]]


@dataclass(frozen=True)
class FileFormat:
    """How files of a format are read.

    Args:
        header: What a file holds, without its values.
        read: Its frames.
        needs_words: Whether its files may leave open what a caller must state.
    """

    header: Callable[[Path, Reading], FileHeader]
    read: Callable[[Path, Reading, FrameChooser | None, InputContract], Frames]
    needs_words: bool = False

    @classmethod
    def of_image(cls, image: Image, *, needs_words: bool = False) -> Self:
        """A format whose files hold one image."""

        def header(path: Path, reading: Reading) -> FileHeader:
            with image(path, reading) as one:
                return one.header()

        def read(
            path: Path, reading: Reading, choose: FrameChooser | None, contract: InputContract
        ) -> Frames:
            with image(path, reading) as one:
                frames = one.frames(reading.crop, contract, path.stat().st_size, path.name)
            return frames if choose is None else frames[choose(frames.times)]

        return cls(header, read, needs_words)


def _read_netcdf(
    path: Path, reading: Reading, choose: FrameChooser | None, contract: InputContract
) -> Frames:
    return read_netcdf(
        path, variable=reading.variable, choose=choose, crop=reading.crop, contract=contract
    )


def _read_odim(
    path: Path, reading: Reading, choose: FrameChooser | None, contract: InputContract
) -> Frames:
    frames = read_odim(path, variable=reading.variable, crop=reading.crop, contract=contract)
    return frames if choose is None else frames[choose(frames.times)]


NETCDF = FileFormat(lambda path, reading: netcdf_header(path, reading.variable), _read_netcdf)
ODIM = FileFormat(lambda path, reading: odim_header(path, reading.variable), _read_odim)
KNMI = FileFormat.of_image(knmi_image)
FORMATS = (  # whether a file is of it, by its first bytes; HDF5's begin alike: see _of_hdf5
    (is_geotiff, FileFormat.of_image(geotiff_image, needs_words=True)),
    (is_grib2, FileFormat.of_image(grib2_image, needs_words=True)),
    (is_radolan, FileFormat.of_image(radolan_image)),
    (is_fmi_pgm, FileFormat.of_image(fmi_pgm_image)),
    (is_meteoswiss_gif, FileFormat.of_image(meteoswiss_gif_image)),
    (is_hungaromet, FileFormat.of_image(hungaromet_image)),
    (is_cwa, FileFormat.of_image(cwa_image)),
    (is_classic, NETCDF),
)


def read_frames(
    paths: Iterable[Path],
    reading: Reading | None = None,
    *,
    choose: FrameChooser | None = None,
    contract: InputContract | None = None,
    scratch: Path | None = None,
) -> Frames:
    """Read radar files, in any order, one time or many a file.

    Args:
        paths: Files of any known format, also inside of gzip, bzip2, zip or tar.
        reading: What the caller says of them; None: nothing.
        choose: Which frames of a file to read, given their times, e.g. :func:`newest`; others
            of a NetCDF file are not even read. None: all.
        contract: Size limits, checked before any value is read; None: the default.
        scratch: Folder for what is unpacked; None: that of the system.

    Returns:
        The frames in time order; equal frames of the same time count once.

    Raises:
        UnreadableInput: A file is damaged or of no format we know.
        UnsupportedInput: An ODIM_H5 file is no composite, or what reads a format is not installed.
        InputTooLarge: A file claims more than the limits allow.
        ContractViolation: A file or their combination breaks a rule.
    """
    known, remaining = reading or Reading(), contract or InputContract()

    def read(path: Path) -> Frames:
        return known.crop.coarser(format_of(path, known).read(path, known, choose, remaining))

    parts = []
    for path in paths:
        with unpacked(path, scratch) as files:
            for part in _observed(files, read):
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


def read_header(
    path: Path, reading: Reading | None = None, *, scratch: Path | None = None
) -> FileHeader:
    """What a radar file holds; no value is read.

    Args:
        path: A file of any known format, also packed.
        reading: What the caller says of it.
        scratch: Folder for what is unpacked; None: that of the system.

    Returns:
        Of a package the times of all files inside, and the rest of the first.

    Raises:
        UnreadableInput: The file is damaged or of no format we know.
        ContractViolation: It has no such field, or its times break a rule.
    """
    known = reading or Reading()
    with unpacked(path, scratch) as files:
        headers = list(_observed(files, lambda file: format_of(file, known).header(file, known)))
    times = sorted({time for header in headers for time in header.times})
    return headers[0]._replace(times=tuple(times))


def _observed(files: Sequence[Path], read: Callable[[Path], Part]) -> Iterator[Part]:
    """What is read of each file of a package; forecasts beside an observation are left out.

    Raises:
        ContractViolation: All are forecasts, or a file breaks another rule.
    """
    forecasts: list[ContractViolation] = []
    for file in files:
        try:
            yield read(file)
        except ContractViolation as error:
            if error.rule != "not-observed":
                raise
            forecasts.append(error)
    if len(forecasts) == len(files):
        raise forecasts[0]


def format_of(path: Path, reading: Reading) -> FileFormat:
    """The format of a file, by what its first bytes say it is, and not by its name.

    Raises:
        UnreadableInput: It is none that we know, or holds links to other files.
        ContractViolation: The reading states what files of it say themselves.
    """
    kind = _format_of(path)
    if not kind.needs_words:
        reading.stated.check_unused(path.name)
    return kind


def _format_of(path: Path) -> FileFormat:
    with path.open("rb") as file:
        start = file.read(START)
    if start.startswith(SIGNATURE):
        return _of_hdf5(path)
    for begins, kind in FORMATS:
        if begins(start):
            return kind
    raise UnreadableInput(
        f"{path.name} must be {KNOWN}, but it starts with {start[:8]!r}."
        if start
        else f"{path.name} is empty."
    )


def _of_hdf5(path: Path) -> FileFormat:
    with self_contained(path) as (file, objects):
        if is_odim(file):
            return ODIM
        if is_knmi(file):
            return KNMI
        check_nothing_is_passed_over(objects, path)
        return NETCDF
