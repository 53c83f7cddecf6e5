"""Projections that others wrote down: all that radars use are read, none makes PROJ open a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import netCDF4
import numpy as np
import pytest
from pyproj import CRS

from echocast.model.errors import ContractViolation
from echocast.model.formats.projections import cf_attributes, declared_mapping
from echocast.model.formats.readers import read_frames
from echocast.model.place.projection_text import check_mapping, mapping_crs, parsed_crs
from tests.model.formats.radar_files import PROJECTIONS, odim_file, raw_netcdf
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
REAL = {  # as composites of weather services declare them
    **PROJECTIONS,
    "OPERA": "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m"
    " +ellps=WGS84",
    "KNMI": "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75 +x_0=0 y_0=0",
    "MeteoSwiss": "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +k_0=1"
    " +x_0=600000 +y_0=200000 +ellps=bessel +towgs84=674.374,15.056,405.346,0,0,0,0 +units=m"
    " +no_defs",
    "web mercator": "+proj=merc +a=6378137 +b=6378137 +lat_ts=0.0 +lon_0=0.0 +x_0=0.0 +y_0=0"
    " +k=1.0 +units=m +nadgrids=@null +wktext +no_defs",
    "rotated": "+proj=ob_tran +o_proj=longlat +o_lat_p=43.15 +o_lon_p=0 +lon_0=10 +R=6371229",
    "by number": "EPSG:3067",
    "by name": "urn:ogc:def:crs:EPSG::4326",
}
NUMBERS = (2056, 3067, 3035, 3857, 4326, 5070, 28992, 25832, 31287, 32633, 9377)
FILE = "canary"  # what the child's PROJ would find first, and never come back from
WKT = CRS.from_epsg(3067).to_wkt()
EXTENSION = ',EXTENSION["PROJ4","+proj=longlat +nadgrids=canary"]]'
FILES = [
    f"+proj=vgridshift +grids={FILE}",
    f"+proj=hgridshift +grids={FILE}",
    f"+proj=longlat +nadgrids={FILE} +type=crs",
    f"+proj=longlat +geoidgrids={FILE} +type=crs",
    f"+proj=pipeline +step +proj=xyzgridshift +grids={FILE}",
    f"+proj=longlat +datum=WGS84 +nadgrids=@null,{FILE}",
    f"+init={FILE}:1",
    f"init={FILE}:1",
    f"proj=deformation xy_grids={FILE} z_grids={FILE}",
    "+proj=laea +lat_0=/etc/passwd",
    f"{FILE}:1",
    f"@{FILE}",
    FILE,
    WKT.replace("]]", EXTENSION, 1),
    WKT.replace(
        "Transverse Mercator", f"PROJ-based operation method: +proj=vgridshift +grids={FILE}"
    ),
    f'BOUNDCRS[SOURCECRS[{WKT}],TARGETCRS[{CRS(4326).to_wkt()}],ABRIDGEDTRANSFORMATION["a",'
    f'METHOD["NTv2"],PARAMETERFILE["Latitude and longitude difference file","{FILE}"]]]',
    CRS.from_epsg(3067).to_json(),
]
NAMES = ("geographic_crs_name", "horizontal_datum_name", "reference_ellipsoid_name")
LISTING = """
import json, sys
from echocast.model.errors import ContractViolation
from echocast.model.place.projection_text import mapping_crs, parsed_crs
texts, names = json.loads(sys.argv[1]), json.loads(sys.argv[2])
asked = [(parsed_crs, text) for text in texts]
for text in texts:
    for name in ("crs_wkt", "spatial_ref", "proj4"):
        asked.append((mapping_crs, {"grid_mapping_name": "latitude_longitude", name: text}))
asked += [
    (mapping_crs, {"grid_mapping_name": "latitude_longitude", name: text})
    for name in names for text in texts if "+" in text
]
for call, value in asked:
    try:
        call(value)
    except ContractViolation:
        continue
    print("accepted", value)
"""


@pytest.mark.parametrize("name", REAL)
def test_what_radars_use_is_read_as_proj_reads_it(name: str) -> None:
    assert parsed_crs(REAL[name]) == CRS.from_user_input(REAL[name])


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.filterwarnings("ignore:You will likely lose")
def test_wkt_of_national_grids_is_read(number: int) -> None:
    crs = CRS.from_epsg(number)
    for version in ("WKT1_GDAL", "WKT2_2019", "WKT2_2015"):
        text = crs.to_wkt(version)
        if "EXTENSION" not in text:
            assert parsed_crs(text).to_dict() == CRS.from_wkt(text).to_dict()
    attributes = cf_attributes(crs)
    assert mapping_crs(attributes).to_dict() == crs.to_dict()
    without = {name: value for name, value in attributes.items() if name != "crs_wkt"}
    if "grid_mapping_name" in without:
        assert mapping_crs(without).to_dict() == CRS.from_cf(without).to_dict()


def test_projections_of_real_radar_are_read(radar_folder: Path) -> None:
    for path in sorted(radar_folder.glob("*.nc")):
        with netCDF4.Dataset(path) as dataset:
            crs = {a: dataset["crs"].getncattr(a) for a in dataset["crs"].ncattrs()}
        check_mapping(crs)
        assert mapping_crs(crs) == CRS.from_wkt(crs["crs_wkt"]), path


def test_comments_may_hold_addresses() -> None:
    check_mapping({"grid_mapping_name": "mercator", "comment": "see https://example.org/a=b"})


@pytest.mark.parametrize("text", FILES)
def test_a_text_that_could_name_a_file_is_refused(text: str, tmp_path: Path) -> None:
    odim = odim_file(tmp_path / "a.h5", np.ones((16, 16), "u1"), projdef=np.bytes_(text))
    netcdf = raw_netcdf(tmp_path / "a.nc", np.ones((2, 16, 16)), grid_mapping="crs")
    with netCDF4.Dataset(netcdf, "a") as dataset:
        dataset.createVariable("crs", "i4").crs_wkt = text
        for name in ("y", "x"):
            variable = dataset.createVariable(name, "f8", (name,))
            variable.units = "m"
            variable[:] = np.arange(16)
    for path in (odim, netcdf):
        with pytest.raises(ContractViolation) as refusal:
            read_frames([path])
        assert refusal.value.rule == "grid"
    with pytest.raises(ContractViolation):
        declared_mapping({"grid_mapping_name": "mercator", "crs_wkt": text})


def test_no_such_text_opens_a_file(tmp_path: Path) -> None:
    """A pipe stands where PROJ looks for files: whoever opens it never comes back."""
    (tmp_path / "proj").mkdir()
    os.mkfifo(tmp_path / "proj" / FILE)
    child = subprocess.run(
        [sys.executable, "-c", LISTING, json.dumps(FILES), json.dumps(NAMES)],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout == ""


def test_proj_has_one_door() -> None:
    """Projections are made of text in one module."""
    doors = [
        path.relative_to(ROOT).as_posix()
        for floor in ("model", "workers", "service")
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"\bCRS(\.from_\w+)?\(|\bProj\(", path.read_text())
    ]
    assert doors == ["model/place/projection_text.py"]


def test_a_grid_mapping_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Mock(side_effect=CRS.from_cf)
    monkeypatch.setattr(CRS, "from_cf", search)
    mapping = {
        "grid_mapping_name": "lambert_conformal_conic",
        "standard_parallel": np.array([31.5, 47.25]),
        "longitude_of_central_meridian": np.float32(4.125),
        "latitude_of_projection_origin": 39.0,
        "earth_radius": 6371229.0,
    }
    crs = [mapping_crs(mapping), mapping_crs(dict(reversed(mapping.items())))]
    assert search.call_count == 1
    assert crs[0] == crs[1]
    mapping_crs({**mapping, "earth_radius": 6370997.0})
    assert search.call_count == 2
