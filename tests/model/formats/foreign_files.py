"""Files in the formats of single agencies, made for tests, and what their images must be.

Each writer makes a file of the same small picture: dry but for a storm in the north-west and pixels
that were not measured in the south-east.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from PIL import Image

TIME = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
HEIGHT, WIDTH = 24, 20
STORM, UNMEASURED = (slice(2, 6), slice(3, 9)), (slice(20, 24), slice(16, 20))


@dataclass(frozen=True)
class Foreign:
    """How a format is written, and what its storm is.

    Args:
        write: Writes a file into a folder.
        storm_dbz: Of its strongest pixel, the storm's north-western corner.
        pixel_km: Side of a pixel.
        kind: As the reader calls it.
    """

    write: Callable[[Path], Path]
    storm_dbz: float
    pixel_km: float
    kind: str


def picture(storm: Any, dry: Any, missing: Any, dtype: Any, shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """Raw numbers, row 0 in the north: a ramp down from the storm's corner."""
    raw = np.full(shape, dry, dtype)
    raw[STORM] = np.array(storm, dtype) - np.arange(24).reshape(4, 6).astype(dtype)
    raw[UNMEASURED] = missing
    return raw


def knmi(folder: Path, **changes: Any) -> Path:
    path = folder / "knmi.h5"
    settings = {
        "parameter": b"REFLECTIVITY_[DBZ]",
        "formula": b"GEO=0.5*PV+-32.0",
        "raw": picture(164, 0, 255, np.uint8),
        **changes,
    }
    with h5py.File(path, "w") as file:
        file.create_group("overview").attrs.update(
            product_datetime_start=np.bytes_(b"01-JUL-2026;12:00:00.000"),
            product_datetime_end=np.bytes_(b"01-JUL-2026;12:05:00.000"),
        )
        geographic = file.create_group("geographic")
        geographic.attrs.update(
            geo_dim_pixel=np.bytes_(b"KM,KM"),
            geo_pixel_size_x=np.float32([1.0]),
            geo_pixel_size_y=np.float32([-1.0]),
            geo_column_offset=np.float32([0.0]),
            geo_row_offset=np.float32([3650.0]),
        )
        geographic.create_group("map_projection").attrs["projection_proj4_params"] = np.bytes_(
            b"+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75 +x_0=0 +y_0=0"
        )
        image = file.create_group("image1")
        image.attrs["image_geo_parameter"] = np.bytes_(settings["parameter"])
        image["image_data"] = settings["raw"]
        image.create_group("calibration").attrs.update(
            calibration_formulas=np.bytes_(settings["formula"]),
            calibration_missing_data=np.int32([255]),
            calibration_out_of_image=np.int32([255]),
        )
    return path


def geotiff(folder: Path, name: str = "20260701T1205_dbz.tif", **changes: Any) -> Path:
    """As FMI writes it: no tags of GDAL's, items of its own."""
    import rasterio
    from rasterio.transform import from_origin

    tags = {
        "OBSERVATION TIME": "202607011205",
        "QUANTITY": "DBZH",
        "GAIN": ".5",
        "OFFSET": "-32",
        "NODATA": "255",
        "UNDETECT": "0",
        **changes.pop("tags", {}),
    }
    raw = changes.pop("raw", picture(164, 0, 255, np.uint8))
    profile = {
        "driver": "GTiff",
        "height": raw.shape[-2],
        "width": raw.shape[-1],
        "count": 1 if raw.ndim == 2 else len(raw),
        "dtype": raw.dtype,
        "crs": "EPSG:3067",
        "transform": from_origin(50_000, 7_000_000, 1000, 1000),
        **changes,
    }
    with rasterio.open(folder / name, "w", **profile) as file:
        file.write(raw if raw.ndim == 3 else raw[None])
        file.update_tags(**{name: value for name, value in tags.items() if value})
    return folder / name


def grib2(folder: Path, *, seconds_ahead: int = 0) -> Path:
    """As MRMS writes it: reflectivity in degrees with reserved values."""
    import rasterio.shutil
    from rasterio.transform import from_origin

    path = folder / "mrms.grib2"
    template = f"9 0 2 0 97 0 0 0 13 0 0 0 {seconds_ahead} 102 0 0 0 0 0 255 255 255 255 255 255"
    values = picture(50, -99, -999, np.float64)
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=HEIGHT,
            width=WIDTH,
            count=1,
            dtype="float64",
            crs="EPSG:4326",
            transform=from_origin(-100, 40, 0.01, 0.01),
        ) as source:
            source.write(values[None])
        with memory.open() as source:
            rasterio.shutil.copy(
                source,
                path,
                driver="GRIB",
                DISCIPLINE="209",
                IDS=f"CENTER=161 SUBCENTER=0 MASTER_TABLE=255 LOCAL_TABLE=1 SIGNF_REF_TIME=3"
                f" REF_TIME={TIME:%Y-%m-%dT%H:%M:%SZ} PROD_STATUS=0 TYPE=7",
                PDS_PDTN="0",
                PDS_TEMPLATE_NUMBERS=template,
                DATA_ENCODING="IEEE_FLOATING_POINT",
            )
    return path


def fmi_pgm(folder: Path, **changes: bytes) -> Path:
    comments = {
        b"composite_area": b"FIN",
        b"obstime": b"202607011205",
        b"param": b"CorrectedReflectivity",
        b"projection": b"radar {",
        b"type": b"stereographic",
        b"centrallongitude": b"25",
        b"centrallatitude": b"90",
        b"truelatitude": b"60",
        b"bottomleft": b"24.65 59.9",
        b"topright": b"25.008 60.115",
        **{name.encode(): value for name, value in changes.items()},
    }
    lines = b"".join(b"# %s %s\n" % pair for pair in comments.items())
    path = folder / "fmi.pgm"
    raw = picture(164, 0, 255, np.uint8)
    path.write_bytes(b"P5\n%s%d %d\n255\n%s" % (lines, WIDTH, HEIGHT, raw.tobytes()))
    return path


def meteoswiss_gif(folder: Path, comment: str | None = None, raw: Any = None) -> Path:
    """Day 182 of 2026; amounts of 5 minutes."""
    words = "generated by Meteoswiss\nPRDT=AQC261821205 COLOR=reddish ACCUm=000005 DeltaT=000005"
    raw = picture(151, 0, 255, np.uint8, (640, 710)) if raw is None else raw
    image = Image.fromarray(raw, "P")
    image.putpalette(bytes(range(256)) * 3)
    image.save(folder / "swiss.gif", comment=(words if comment is None else comment).encode())
    return folder / "swiss.gif"


def radolan(folder: Path, product: bytes = b"RX", rows: int = 900) -> Path:
    raw = picture(165, 0, 250, np.uint8, (rows, 900))[::-1]
    header = b"%s011205100000726BY%7dVS 3SW   2.13.1PR E+00INT   5GP %4dx 900MS 0\x03" % (
        product,
        raw.nbytes,
        rows,
    )
    (folder / "radolan.bin").write_bytes(header + raw.tobytes())
    return folder / "radolan.bin"


def hungaromet(
    folder: Path,
    name: str = "radar_composite-refl2D-20260701_1200.nc",
    units: str = "dBZ=raw/2-32",
) -> Path:
    """Classic NetCDF of signed bytes; the name is the begin of the scan."""
    raw = picture(164, 0, 255, np.uint8)
    scalars = {"La1": 50.5, "Lo1": 13.5, "Dx": 0.0125, "Dy": 0.008}
    with netCDF4.Dataset(folder / name, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("lat", HEIGHT)
        file.createDimension("lon", WIDTH)
        for scalar, value in scalars.items():
            file.createVariable(scalar, "f4")[...] = value
        field = file.createVariable("refl2D", "i1", ("lat", "lon"))
        field.setncatts({"long_name": "CMax reflectivity", "units": units})
        field[:] = raw.view(np.int8)
    return folder / name


def cwa(folder: Path, **changes: str) -> Path:
    """Rows from the south, numbers in scientific notation, local time."""
    tags = {
        "StartPointLongitude": "115.0",
        "StartPointLatitude": "18.0",
        "GridResolution": "0.0125",
        "DateTime": "2026-07-01T20:05:00+08:00",
        "GridDimensionX": str(WIDTH),
        "GridDimensionY": str(HEIGHT),
        "Reflectivity": "dBZ",
        **changes,
    }
    raw = picture(50, -99, -999, np.float64)[::-1]
    parameters = "".join(f"<{name}>{value}</{name}>" for name, value in tags.items())
    path = folder / "cwa.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<cwaopendata xmlns="urn:cwa:gov:tw:cwacommon:0.1">'
        f"<dataset><datasetInfo><parameterSet>{parameters}</parameterSet></datasetInfo><contents>"
        f"<content>{','.join(f'{number:.3E}' for number in raw.ravel())}</content></contents>"
        "</dataset></cwaopendata>"
    )
    return path


FOREIGN = {
    "knmi": Foreign(knmi, 50.0, 1.0, "KNMI HDF5"),
    "geotiff": Foreign(geotiff, 50.0, 1.0, "GeoTIFF"),
    "grib2": Foreign(grib2, 50.0, 0.975, "GRIB2"),
    "fmi-pgm": Foreign(fmi_pgm, 50.0, 1.0, "FMI PGM"),
    "meteoswiss-gif": Foreign(meteoswiss_gif, 55.94, 1.0, "MeteoSwiss GIF"),
    "radolan": Foreign(radolan, 50.0, 1.0, "RADOLAN"),
    "hungaromet": Foreign(hungaromet, 50.0, 0.89, "HungaroMet NetCDF"),
    "cwa": Foreign(cwa, 50.0, 1.355, "CWA XML"),
}
