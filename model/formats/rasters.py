"""One door to GDAL: one driver, one file, nothing beside it, and no names that it would follow.

Source: rasterio, whose wheels carry GDAL. It is an extra: ``pip install echocast[formats]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from echocast.model.errors import ContractViolation, UnreadableInput, UnsupportedInput, short
from echocast.model.formats.crop import Window
from echocast.model.formats.netcdf.access import damage_is_unreadable
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.grid import Grid

if TYPE_CHECKING:
    from rasterio import DatasetReader

ALONE = {  # no files beside, no settings of files, no network, little cache
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": 64,  # MiB
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "PROJ_NETWORK": "OFF",
}


@contextmanager
def open_raster(path: Path, driver: str) -> Iterator[DatasetReader]:
    """A file that one driver of GDAL reads, closed afterwards.

    Args:
        path: The file.
        driver: ``GTiff`` or ``GRIB``.

    Raises:
        UnsupportedInput: rasterio is not installed.
        UnreadableInput: The file is damaged.
    """
    try:
        import rasterio
    except ImportError as error:
        raise UnsupportedInput(
            f"{path.name} is read by rasterio, which is not installed: pip install"
            " 'echocast[formats]'.",
            rule="format-not-installed",
        ) from error
    if not path.is_file():
        raise UnreadableInput(f"{path.name} is no file.")
    with (
        damage_is_unreadable(path),
        _named_errors(path),
        rasterio.Env(**ALONE),
        rasterio.open(path.absolute(), driver=driver) as raster,
    ):
        yield raster


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        raise UnreadableInput(f"{path.name} is damaged: {short(error)}.") from error


def band_of(raster: DatasetReader, variable: str | None, where: str) -> int:
    """Number of the band to read.

    Args:
        raster: Open.
        variable: ``band2``; None: the only one.
        where: Names the file in messages.

    Raises:
        ContractViolation: There is no such band, or there are several and none is named.
    """
    names = {f"band{index}": int(index) for index in raster.indexes}
    if variable is None and len(names) == 1:
        return 1
    if variable not in names:
        raise ContractViolation(
            f"{where} holds {short(', '.join(names))}; name the one to use as the variable.",
            rule="variable-ambiguous" if variable is None else "variable-missing",
        )
    return names[variable]


def checked_dtype(raster: DatasetReader, band: int, where: str) -> np.dtype[Any]:
    """Type of a band's raw numbers.

    Raises:
        ContractViolation: They are complex.
    """
    dtype: np.dtype[Any] = np.dtype(raster.dtypes[band - 1])
    if dtype.kind not in "iuf":
        raise ContractViolation(
            f"Data must be numbers, but those of {where} are of type {dtype}.", rule="data-type"
        )
    return dtype


def raster_grid(raster: DatasetReader, where: str) -> Grid:
    """Pixel centres by the file's transform and projection.

    Raises:
        ContractViolation: The image is turned, has no place, or its projection is unknown.
    """
    transform = raster.transform
    if raster.crs is None:
        raise ContractViolation(
            f"{where} does not say where its pixels are: it has no projection.", rule="place"
        )
    if transform.b or transform.d:
        raise ContractViolation(
            f"Rows and columns of {where} are turned against the axes of its projection.",
            rule="grid",
        )
    corner, pixel = (transform.f, transform.c), (transform.e, transform.a)
    return pixel_grid(corner, pixel, raster.shape, raster.crs.to_wkt(), where)


def band_reader(raster: DatasetReader, band: int) -> Any:
    """Reads the raw numbers (y, x) of a window of one band."""

    def raw(window: Window) -> Any:
        return raster.read(band, window=tuple((part.start, part.stop) for part in window))

    return raw
