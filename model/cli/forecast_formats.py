"""What the suffix of an output file asks for: NetCDF, a picture, a loop or GeoTIFF."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from echocast.model.forecast import Forecast
    from echocast.model.frames import Frames
    from echocast.model.verification.forecast_scores import Verification

NETCDF: Final = ".nc"


@dataclass(frozen=True)
class Shown:
    """What pictures show.

    Args:
        forecast: The forecast.
        inputs: The frames that it goes on from.
        observed: Frames at its valid times; None: there are none.
        verification: Its scores; None: there are no such frames.
    """

    forecast: Forecast
    inputs: Frames
    observed: Frames | None
    verification: Verification | None


def _write_maps(shown: Shown, path: Path) -> None:
    from echocast.model.plotting.pictures import forecast_png

    picture = forecast_png(shown.forecast, shown.observed, shown.verification, shown.inputs)
    path.write_bytes(picture)


def _write_loop(shown: Shown, path: Path) -> None:
    from echocast.model.plotting.loop import forecast_loop

    path.write_bytes(forecast_loop(shown.inputs, shown.forecast, shown.observed))


def _write_raster(shown: Shown, path: Path) -> None:
    from echocast.model.formats.geotiff_writer import write_forecast_geotiff

    write_forecast_geotiff(shown.forecast, path)


OTHERS: Final[dict[str, Callable[[Shown, Path], None]]] = {
    ".png": _write_maps,
    ".webp": _write_loop,
    ".tif": _write_raster,
    ".tiff": _write_raster,
}


def writable_output(path: Path) -> Path:
    """The file to write, once it is known that it can be: its suffix, its folder.

    Raises:
        BadParameter: The suffix names no format or one that is not installed, or there is no folder
            to write into.
    """
    if path.suffix.lower() not in (NETCDF, *OTHERS):
        raise typer.BadParameter(
            f"The suffix of {path.name} must say the format: .nc (NetCDF), .png (maps), .webp"
            " (a loop) or .tif (GeoTIFF)."
        )
    if OTHERS.get(path.suffix.lower()) is _write_raster and find_spec("rasterio") is None:
        raise typer.BadParameter(
            f"{path.name} is written by rasterio, which is not installed: pip install"
            " 'echocast[formats]'."
        )
    return writable_file(path)


def writable_picture(path: Path | None) -> Path | None:
    """The PNG file to write, once it is known that it can be; None where none is asked for.

    Raises:
        BadParameter: It is no ``.png``, or there is no folder to write into.
    """
    if path is None:
        return None
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path.name} must end in .png: that is what is drawn.")
    return writable_file(path)


def writable_file(path: Path) -> Path:
    """The file to write, once its folder is known to be there and open to us.

    Raises:
        BadParameter: It is not, or the path is a folder.
    """
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {path.parent} to write {path.name} into.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise typer.BadParameter(f"{path} cannot be written: permission denied.")
    return path


@contextmanager
def netcdf_for(output: Path) -> Iterator[Path]:
    """Where the NetCDF file of a forecast goes: the output itself, or a place that is removed."""
    if output.suffix.lower() == NETCDF:
        yield output
        return
    with TemporaryDirectory(prefix=".echocast-", dir=output.parent) as folder:
        yield Path(folder) / "forecast.nc"


def write_in_format(output: Path, netcdf: Path, shown: Shown) -> None:
    """Write a forecast as the suffix of the output says; the output appears once it is whole.

    Args:
        output: Of a suffix in :data:`OTHERS`.
        netcdf: Where the forecast stands, of :func:`netcdf_for`.
        shown: The forecast, and what stands beside it.
    """
    whole = netcdf.with_name(output.name)
    OTHERS[output.suffix.lower()](shown, whole)
    whole.replace(output)
