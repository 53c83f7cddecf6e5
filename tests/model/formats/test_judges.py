"""What others read in the same files: GDAL's georeference and values, pysteps' importers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from pyproj import Transformer

from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR
from tests.model.formats.foreign_files import fmi_pgm, geotiff, grib2, meteoswiss_gif, picture
from tests.model.formats.odim.test_places import GRIDS
from tests.model.formats.radar_files import odim_file

METRES_A_DEGREE = 111_320.0
POINTS = 5  # a side, at which places are compared
ECHO_DBZ = 5.0
LARGE = (100, 40)
NOT_OF_GDAL = ("datum by name", "number", "earth in km", "sphere in km")  # it places none of them

Degrees = tuple[NDArray[Any], NDArray[Any]]


def spread(shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of some pixels all over an image."""
    rows, columns = (np.linspace(0, length - 1, POINTS).astype(int) for length in shape)
    both = np.meshgrid(rows, columns, indexing="ij")
    return both[0].ravel(), both[1].ravel()


def metres_apart(grid: Grid, theirs: Degrees, pixels: tuple[NDArray[Any], NDArray[Any]]) -> float:
    """How far pixel centres lie from where a judge says, at most."""
    assert grid.earth is not None
    north, east = grid.earth.degrees(grid.y[pixels[0]], grid.x[pixels[1]])
    across = (east - theirs[1] + 180) % 360 - 180
    return float(
        METRES_A_DEGREE * np.hypot(north - theirs[0], across * np.cos(np.deg2rad(north))).max()
    )


def gdal_places(judge: rasterio.DatasetReader, pixels: tuple[Any, Any]) -> Degrees:
    x, y = rasterio.transform.xy(judge.transform, *pixels)
    east, north = rasterio.warp.transform(judge.crs, "EPSG:4326", list(x), list(y))
    return np.array(north), np.array(east)


def judged_places(name: str, frames: Frames) -> float:
    with warnings.catch_warnings(), rasterio.open(name) as judge:
        warnings.simplefilter("ignore")
        assert judge.shape == frames.grid.shape
        pixels = spread(judge.shape)
        return metres_apart(frames.grid, gdal_places(judge, pixels), pixels)


def of_hdf5(path: Path) -> str:
    return f'HDF5:"{path}"://dataset1/data1/data'


@pytest.mark.parametrize("write", [geotiff, grib2])
def test_gdal_finds_pixels_of_rasters_at_the_same_places(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = write(tmp_path)
    assert judged_places(str(path), read_frames([path])) < 1.0


def odim(folder: Path, name: str) -> Path:
    """An image that is large enough for GDAL to look for its place, of 100 rows or more."""
    projdef, truth, x0, y0, dx, dy, _, _ = GRIDS[name]
    to_degrees = Transformer.from_crs(truth, "EPSG:4326", always_xy=True)
    east, south = x0 + LARGE[1] * dx, y0 - LARGE[0] * dy
    corners = {"UL": (x0, y0), "UR": (east, y0), "LL": (x0, south), "LR": (east, south)}
    degrees = {corner: to_degrees.transform(*place) for corner, place in corners.items()}
    where = {f"{corner}_lon": place[0] for corner, place in degrees.items()}
    where |= {f"{corner}_lat": place[1] for corner, place in degrees.items()}
    raw = picture(164, 0, 255, np.uint8, LARGE)
    scales = {"xscale": float(dx), "yscale": float(dy)}
    return odim_file(folder / "a.h5", raw, projdef=np.bytes_(projdef), **where, **scales)


@pytest.mark.parametrize("name", [name for name in GRIDS if name not in NOT_OF_GDAL])
def test_gdal_finds_pixels_of_odim_at_the_same_places(name: str, tmp_path: Path) -> None:
    """From the corners and the projection alone, to 1 % of a pixel."""
    path = odim(tmp_path, name)
    *_, dx, dy, units, _ = GRIDS[name]
    side = min(dx, dy) * {"degree": METRES_A_DEGREE, "km": 1000.0}.get(units, 1.0)
    assert judged_places(of_hdf5(path), read_frames([path])) < 0.01 * side


def test_gdal_finds_the_same_values_and_time_in_odim(tmp_path: Path) -> None:
    path = odim(tmp_path, "opera")
    frames = read_frames([path])
    with rasterio.open(of_hdf5(path)) as judge:
        raw, tags = judge.read(1), judge.tags()
    number = {n: float(tags[f"dataset1_data1_what_{n}"]) for n in ("gain", "offset", "nodata")}
    values = np.where(raw == number["nodata"], np.nan, raw * number["gain"] + number["offset"])
    np.testing.assert_allclose(frames.reflectivity_dbz[0], values, atol=1e-4)
    stamp = tags["what_date"] + tags["what_time"]
    assert frames.times == (datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC),)


@pytest.mark.parametrize(
    ("write", "driver", "storm"), [(meteoswiss_gif, "GIF", 151), (fmi_pgm, "PNM", 164)]
)
def test_gdal_finds_the_storm_in_the_same_pixels_of_pictures(
    write: Callable[[Path], Path], driver: str, storm: int, tmp_path: Path
) -> None:
    """Its values are numbers of a palette, but it unpacks the picture by code of its own."""
    path = write(tmp_path)
    ours = read_frames([path]).reflectivity_dbz[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver=driver) as judge:
            raw = judge.read(1)
    assert raw.max(initial=0, where=raw < 255) == storm
    np.testing.assert_array_equal(np.isnan(ours), raw == 255)
    np.testing.assert_array_equal(ours > NO_RAIN_DBZ, (raw > 1) & (raw < 255))


@dataclass(frozen=True)
class Sample:
    """An agency's file, as GDAL names what is in it, and where to look in it.

    Args:
        pattern: Of its path.
        name: Of the dataset; ``{}`` is the file.
        at: A place in it, where the whole is large.
    """

    pattern: str
    name: str = "{}"
    at: str | None = None


REAL = {
    "opera reflectivity": Sample("opera-odim/T_PABV*", 'HDF5:"{}"://dataset1/data1/data'),
    "opera rate": Sample("opera-odim/T_PAAH*", 'HDF5:"{}"://dataset1/data1/data'),
    "fmi": Sample("fmi-geotiff/*"),
    "mrms": Sample("mrms-grib2/*", at="35.0,-90.0"),
    "bom": Sample("bom-netcdf/*", "netcdf:{}:precipitation"),
}


@pytest.mark.real_radar
@pytest.mark.parametrize("name", REAL)
def test_gdal_finds_places_and_values_of_real_files(radar_folder: Path, name: str) -> None:
    sample = REAL[name]
    path = min((radar_folder.parent / "radar-raw").glob(sample.pattern))
    region = {} if sample.at is None else {"at": sample.at, "radius_km": 100.0}
    frames = read_frames([path], Reading.of_words(**region))
    with warnings.catch_warnings(), rasterio.open(sample.name.format(path)) as judge:
        warnings.simplefilter("ignore")
        rows, columns = spread(frames.grid.shape)
        north, east = frames.grid.earth.degrees(frames.grid.y[rows], frames.grid.x[columns])
        x, y = rasterio.warp.transform("EPSG:4326", judge.crs, list(east), list(north))
        there = np.array(rasterio.transform.rowcol(judge.transform, x, y, op=lambda v: v))
        off = there - np.floor(there) - 0.5  # of the centre of the pixel, in pixels
        assert np.abs(off).max() < 0.01
        first = np.floor(there[:, 0]).astype(int)
        raw = judge.read(
            1, window=tuple((a, a + n) for a, n in zip(first, frames.grid.shape, strict=True))
        )
    ours = frames.reflectivity_dbz[0]
    wet = np.nan_to_num(ours) > 10
    assert wet.any()
    order = np.argsort(ours[wet], kind="stable")
    assert (np.diff(raw[wet][order].astype(np.float64)) > -1e-3).all()  # the same order of strength


PYSTEPS = "PYSTEPS DOES NOT JUDGE: it is not installed"
LEFT_OPEN = pytest.mark.filterwarnings(  # files, by its importers
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def importer(name: str) -> Callable[..., Any]:
    importers = pytest.importorskip("pysteps.io.importers", reason=PYSTEPS)
    return getattr(importers, name)  # type: ignore[no-any-return]


def pysteps_places(metadata: dict[str, Any], shape: tuple[int, int], pixels: Any) -> Degrees:
    rows, columns = pixels
    across = (metadata["x2"] - metadata["x1"]) / shape[1]
    down = (metadata["y2"] - metadata["y1"]) / shape[0]
    x = metadata["x1"] + (columns + 0.5) * across
    y = metadata["y2"] - (rows + 0.5) * down
    to_degrees = Transformer.from_crs(
        _in_metres(metadata["projection"]), "EPSG:4326", always_xy=True
    )
    unit = 1000 if metadata["cartesian_unit"] == "km" else 1
    east, north = to_degrees.transform(unit * x, unit * y)
    return np.asarray(north), np.asarray(east)


def _in_metres(projection: str) -> str:
    """PROJ takes an earth in kilometres for another planet."""
    return re.sub(r"(\+[ab])=(6[0-9]{3}\.[0-9]+)", r"\1=\g<2>e3", projection)


def reflectivity(values: Any, metadata: dict[str, Any], frames: Frames) -> FloatArray:
    """What an importer read, in dBZ by the relation that we take."""
    if metadata["unit"] == "dBZ":
        return np.asarray(values, np.float32)
    hours = metadata["accutime"] / 60 if metadata["unit"] == "mm" else 1.0
    relation = ZR.of_attributes(
        {k: frames.attributes[k] for k in ("zr_a", "zr_b") if k in frames.attributes}
    )
    return relation.reflectivity_dbz(np.asarray(values / hours, np.float32), where="pysteps")


def compare(path: Path, name: str, metres: float, **settings: Any) -> None:
    """Values where it rains, what is missing, and places, of an importer and of ours."""
    values, _, metadata = importer(name)(str(path), **settings)
    frames = read_frames([path])
    ours = frames.reflectivity_dbz[0]
    theirs = reflectivity(values, metadata, frames)
    assert theirs.shape == ours.shape
    rain = np.nan_to_num(theirs, nan=NO_RAIN_DBZ) > ECHO_DBZ
    assert rain.any()
    np.testing.assert_allclose(ours[rain], theirs[rain], atol=0.01)
    pixels = spread(ours.shape)
    assert metres_apart(frames.grid, pysteps_places(metadata, ours.shape, pixels), pixels) < metres


@LEFT_OPEN
def test_pysteps_finds_the_same_in_a_swiss_gif(tmp_path: Path) -> None:
    path = meteoswiss_gif(tmp_path)
    compare(path, "import_mch_gif", 1.0, product="AQC", unit="mm", accutime=5)


@LEFT_OPEN
@pytest.mark.real_radar
@pytest.mark.parametrize(
    ("pattern", "name", "metres", "settings"),
    [
        ("knmi-hdf5/*", "import_knmi_hdf5", 1.0, {}),
        (
            "meteoswiss-gif/*",
            "import_mch_gif",
            1.0,
            {"product": "AQC", "unit": "mm", "accutime": 5},
        ),
        ("opera-odim/T_PAAH*", "import_opera_hdf5", 1.0, {}),
        ("bom-netcdf/*", "import_bom_rf3", 400.0, {}),  # it takes outer centres for edges
        ("fmi-pgm/*", "import_fmi_pgm", 50.0, {"gzipped": True}),
    ],
)
def test_pysteps_finds_the_same_in_real_files(
    radar_folder: Path, pattern: str, name: str, metres: float, settings: dict[str, Any]
) -> None:
    compare(min((radar_folder.parent / "radar-raw").glob(pattern)), name, metres, **settings)
