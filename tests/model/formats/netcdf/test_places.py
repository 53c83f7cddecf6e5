"""Axes and places of NetCDF files: any order of dimensions, however they say which is which."""

import itertools
import json

import netCDF4
import numpy as np
import pytest
from pyproj import CRS, Geod, Transformer

from echocast.model.errors import ContractViolation
from echocast.model.formats.json_reader import read_json
from echocast.model.formats.projections import cf_attributes
from echocast.model.formats.readers import read_frames

VALUES = np.arange(2 * 4 * 6, dtype="f4").reshape(2, 4, 6)
LAT, LON = 55 - 0.01 * np.arange(4), 10 + 0.016 * np.arange(6)
NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}
STEREO = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +ellps=WGS84"


def netcdf(tmp_path, order=("time", "y", "x"), names=("y", "x"), y=None, x=None, add=None, **field):
    """``field`` on the dimensions of ``order``; ``y`` and ``x`` are (values, attributes)."""
    path = tmp_path / "a.nc"
    lengths = {"time": 2, "y": 4, "x": 6, "height": 1}
    called = {"y": names[0], "x": names[1]}
    with netCDF4.Dataset(path, "w") as dataset:
        for name in order:
            dataset.createDimension(called.get(name, name), lengths[name])
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "minutes since 2026-07-01 12:00:00"
        time[:] = [0, 5]
        for name, axis in (("y", y), ("x", x)):
            if axis is not None:
                variable = dataset.createVariable(called[name], "f8", (called[name],))
                variable.setncatts(axis[1])
                variable[:] = axis[0]
        values = dataset.createVariable("field", "f4", [called.get(name, name) for name in order])
        values.setncatts({"units": "dBZ", **field})
        whole = ["time", "y", "x", *(n for n in order if n == "height")]
        shaped = VALUES.reshape([lengths[name] for name in whole])
        values[:] = shaped.transpose([whole.index(name) for name in order])
        if add is not None:
            add(dataset)
    return path


def refused(path):
    with pytest.raises(ContractViolation) as refusal:
        read_frames([path])
    assert "a.nc" in str(refusal.value) or "field" in str(refusal.value)
    return refusal.value.rule


WAYS = {  # how two coordinates say which is which: names, attributes of y, of x
    "units": (("a", "b"), NORTH, EAST),
    "units, one only": (("a", "b"), {"units": "degrees"}, EAST),
    "units of CF in capitals": (("a", "b"), {"units": "degrees_N"}, {"units": "degreeE"}),
    "padded units": (("a", "b"), {"units": "degrees_north "}, {"units": "Degrees_East"}),
    "axis": (("a", "b"), {"units": "m", "axis": "Y"}, {"units": "m", "axis": "X"}),
    "axis in small letters": (("a", "b"), {"units": "m", "axis": "y"}, {"units": "m"}),
    "standard name": (
        ("a", "b"),
        {"units": "m", "standard_name": "projection_y_coordinate"},
        {"units": "m"},
    ),
    "turned pole": (
        ("a", "b"),
        {"units": "degrees", "standard_name": "grid_latitude"},
        {"units": "degrees", "standard_name": "grid_longitude"},
    ),
    "names y and x": (("y", "x"), {"units": "km"}, {"units": "km"}),
    "names with numbers": (("y_1", "x0"), {"units": "m"}, {"units": "m"}),
    "names lat and lon": (("lat", "lon"), {"units": "degrees"}, {"units": "degrees"}),
    "names in capitals": (("LATITUDE", "LONGITUDE"), {"units": "deg"}, {"units": "deg"}),
    "names of WRF": (("south_north", "west_east"), {"units": "m"}, {"units": "m"}),
    "attributes before bare names": (("x", "y"), NORTH, EAST),
}


@pytest.mark.parametrize("order", list(itertools.permutations(("time", "y", "x"))))
@pytest.mark.parametrize("way", WAYS)
def test_every_order_of_dimensions_is_read(tmp_path, way, order):
    names, y, x = WAYS[way]
    frames = read_frames([netcdf(tmp_path, order, names, (LAT, y), (LON, x))])
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    np.testing.assert_array_equal(frames.grid.y, LAT)
    np.testing.assert_array_equal(frames.grid.x, LON)
    assert "place" not in frames.notes


@pytest.mark.parametrize("order", [("x", "height", "time", "y"), ("height", "x", "y", "time")])
def test_a_height_of_one_level_stands_anywhere(tmp_path, order):
    frames = read_frames([netcdf(tmp_path, order, ("lat", "lon"), (LAT, NORTH), (LON, EAST))])
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)


def test_names_of_dimensions_say_it_without_coordinates(tmp_path):
    frames = read_frames([netcdf(tmp_path, ("x", "y", "time"))])
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    assert frames.grid.units == "1"
    assert "place" not in frames.notes


def test_where_nothing_says_it_the_order_decides_and_is_noted(tmp_path):
    frames = read_frames([netcdf(tmp_path, names=("a", "b"))])
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    assert "dimensions 'a' and 'b'" in frames.notes["place"]


def test_coordinates_of_another_name_than_their_dimension(tmp_path):
    def add(dataset):
        for name, dimension, values, units in (
            ("latitude", "b", LAT, "degrees_north"),
            ("longitude", "a", LON, "degrees_east"),
        ):
            variable = dataset.createVariable(name, "f8", (dimension,))
            variable.units = units
            variable[:] = values

    frames = read_frames([netcdf(tmp_path, ("time", "x", "y"), ("b", "a"), add=add)])
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    np.testing.assert_array_equal(frames.grid.x, LON)
    assert frames.grid.units == "degree"


CONTRADICTIONS = {
    "axis and units": (("a", "b"), {**NORTH, "axis": "X"}, EAST),
    "standard name and units": (("a", "b"), {**NORTH, "standard_name": "longitude"}, EAST),
    "axis and standard name": (("a", "b"), {"axis": "Y", "standard_name": "longitude"}, EAST),
    "name and units": (("lat", "lon"), EAST, NORTH),
    "both north": (("a", "b"), NORTH, NORTH),
    "both north, by names": (("lat", "lon"), NORTH, NORTH),
    "both axes X": (("y", "x"), {"units": "m", "axis": "X"}, {"units": "m", "axis": "X"}),
}


@pytest.mark.parametrize("order", [("time", "y", "x"), ("x", "y", "time")])
@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused(tmp_path, name, order):
    names, y, x = CONTRADICTIONS[name]
    assert refused(netcdf(tmp_path, order, names, (LAT, y), (LON, x))) == "axes"


def test_a_latitude_beyond_the_pole_is_refused(tmp_path):
    degrees = {"units": "degrees"}
    axes = ((100 + LAT, degrees), (LON, degrees))
    assert refused(netcdf(tmp_path, ("time", "y", "x"), ("a", "b"), *axes)) == "grid"


@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude")])
def test_latitudes_without_units_are_in_degrees(tmp_path, names):
    frames = read_frames([netcdf(tmp_path, names=names, y=(LAT, {}), x=(LON, {}))])
    assert frames.grid.units == "degree"
    assert "in degrees" in frames.notes["place"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_longitudes_over_the_date_line(tmp_path, wrapped):
    lon = 179.95 + 0.02 * np.arange(6)
    sent = np.where(lon > 180, lon - 360, lon) if wrapped else lon
    grid = read_frames([netcdf(tmp_path, y=(LAT, NORTH), x=(sent, EAST))]).grid
    np.testing.assert_allclose(grid.x, lon)
    body = {"y": LAT.tolist(), "x": sent.tolist(), "units": "degree"}
    data = {"frames": VALUES[:1].tolist(), "times": ["2026-07-01T12:00:00Z"], "units": "dBZ"}
    frames = read_json(json.dumps({**data, "grid": body}).encode())
    np.testing.assert_allclose(frames.grid.x, lon)
    assert frames.grid.same_as(grid)


def mapping(**attributes):
    def add(dataset):
        dataset.createVariable("crs", "i4").setncatts(attributes)

    return add


POLAR = {
    "grid_mapping_name": "polar_stereographic",
    "latitude_of_projection_origin": 90.0,
    "straight_vertical_longitude_from_pole": 0.0,
    "standard_parallel": 60.0,
}
KM = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +a=6378140 +b=6356750 +units=km"
EARTH_KM = {"semi_major_axis": 6378.14, "semi_minor_axis": 6356.75}
EARTH_M = {"semi_major_axis": 6378140.0, "semi_minor_axis": 6356750.0}
WRONG_WKT = CRS.from_user_input(KM.replace("6378140", "6378.14").replace("6356750", "6356.75"))
LENGTHS = {  # attributes, units of the axes, what the axes are added with, a note
    "all in km": (POLAR | EARTH_KM, "km", (0, 0), True),
    "earth in km, called metres": (POLAR | EARTH_KM, "m", (0, 0), True),
    "earth in m": (POLAR | EARTH_M, "km", (0, 0), False),
    "false origin in km, as CF wants": (
        POLAR | EARTH_M | {"false_easting": 100.0, "false_northing": -200.0},
        "km",
        (100, -200),
        False,
    ),
    "false origin in metres": (
        POLAR | EARTH_M | {"false_easting": 100_000.0, "false_northing": -200_000.0},
        "km",
        (100, -200),
        True,
    ),
    "WKT in km": ({"crs_wkt": WRONG_WKT.to_wkt()}, "km", (0, 0), True),
    "WKT in metres": (cf_attributes(CRS.from_user_input(KM)), "km", (0, 0), False),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_kilometres_are_kilometres(tmp_path, name):
    attributes, units, (east, north), noted = LENGTHS[name]
    y, x = -3900.5 - np.arange(4.0) + north, 300.5 + np.arange(6.0) + east
    axis = {"units": units}
    path = netcdf(tmp_path, y=(y, axis), x=(x, axis), add=mapping(**attributes), grid_mapping="crs")
    frames = read_frames([path])
    grid = frames.grid
    assert grid.units == "km"
    assert grid.pixel_size_km == 1
    there = Transformer.from_crs(KM, CRS.from_user_input(KM).geodetic_crs, always_xy=True)
    longitude, latitude = there.transform(302.5, -3901.5)
    assert grid.earth.coordinates(latitude, longitude, 0) == pytest.approx((y[1], x[2]), abs=1e-3)
    assert ("place" in frames.notes) is noted


def gdal_web_mercator() -> str:
    """EPSG:3857 as GDAL writes it in WKT 1, with its PROJ text at the end."""
    return (
        'PROJCS["WGS 84 / Pseudo-Mercator",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",'
        '6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
        'PROJECTION["Mercator_1SP"],PARAMETER["central_meridian",0],PARAMETER["scale_factor",1],'
        'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1],'
        'AXIS["Easting",EAST],AXIS["Northing",NORTH],EXTENSION["PROJ4","+proj=merc +a=6378137'
        " +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext"
        ' +no_defs"],AUTHORITY["EPSG","3857"]]'
    )


@pytest.mark.parametrize("wkt", [gdal_web_mercator(), CRS.from_epsg(3857).to_wkt()])
def test_web_mercator_is_read_as_gdal_writes_it(tmp_path, wkt):
    axis = {"units": "m"}
    y, x = 6_500_000 - 1000.0 * np.arange(4), 2_000_000 + 1000.0 * np.arange(6)
    add = mapping(spatial_ref=wkt)
    path = netcdf(tmp_path, y=(y, axis), x=(x, axis), add=add, grid_mapping="crs")
    grid = read_frames([path]).grid
    east, north = Transformer.from_crs(3857, 4326, always_xy=True).transform(x[2], y[1])
    assert grid.earth.coordinates(north, east, 0) == pytest.approx((y[1], x[2]), abs=1e-3)


def test_of_several_grid_mappings_that_of_the_axes_counts(tmp_path):
    def add(dataset):
        degrees = {"grid_mapping_name": "latitude_longitude", "earth_radius": 6371000.0}
        dataset.createVariable("geographic", "i4").setncatts(degrees)
        dataset.createVariable("crs", "i4").setncatts(POLAR | EARTH_M)

    axis = {"units": "m"}
    named = {"grid_mapping": "geographic: lat lon crs: y x"}
    path = netcdf(tmp_path, y=(LAT, axis), x=(LON, axis), add=add, **named)
    assert read_frames([path]).grid.crs["grid_mapping_name"] == "polar_stereographic"


def test_a_grid_mapping_that_is_not_there_is_noted(tmp_path):
    axis = {"units": "m"}
    path = netcdf(tmp_path, y=(LAT, axis), x=(LON, axis), grid_mapping="crs")
    assert "does not hold" in read_frames([path]).notes["place"]


def places(names, attributes, dimensions=("y", "x"), listed=True, shift=0.0):
    """Latitude and longitude of each pixel of the polar stereographic grid below."""

    def add(dataset):
        x, y = np.meshgrid(1000.0 * np.arange(6), -4_300_000 - 1000.0 * np.arange(4))
        to_degrees = Transformer.from_crs(STEREO, "EPSG:4326", always_xy=True)
        east, north = to_degrees.transform(x + shift, y)
        for name, degrees, attribute in zip(names, (north, east), attributes, strict=True):
            variable = dataset.createVariable(name, "f8", dimensions)
            variable.setncatts(attribute)
            variable[:] = degrees if dimensions == ("y", "x") else degrees.T
        if listed:
            dataset["field"].coordinates = " ".join(names)

    return add


GEOLOCATED = {
    "standard names": (("a", "b"), ({"standard_name": "latitude"}, {"standard_name": "longitude"})),
    "units": (("a", "b"), (NORTH, EAST)),
    "names": (("lat", "lon"), ({}, {})),
    "names of WRF": (("XLAT", "XLONG"), ({}, {})),
}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("dimensions", [("y", "x"), ("x", "y")])
@pytest.mark.parametrize("name", GEOLOCATED)
def test_latitude_and_longitude_of_each_pixel(tmp_path, name, dimensions, listed):
    names, attributes = GEOLOCATED[name]
    path = netcdf(tmp_path, add=places(names, attributes, dimensions, listed))
    grid = read_frames([path]).grid
    to_degrees = Transformer.from_crs(STEREO, "EPSG:4326", always_xy=True)
    east, north = to_degrees.transform(2000, -4_301_000)
    assert grid.latitude[1, 2] == pytest.approx(north, abs=1e-4)
    assert grid.longitude[1, 2] == pytest.approx(east, abs=1e-4)
    beside = to_degrees.transform(3000, -4_301_000)
    side = Geod(ellps="WGS84").inv(east, north, *beside)[2] / 1000
    assert grid.pixel_size_km == pytest.approx(side, rel=0.01)


@pytest.mark.parametrize(("shift", "fits"), [(0.0, True), (900.0, True), (5000.0, False)])
def test_a_projection_and_latitudes_must_agree(tmp_path, shift, fits):
    located = places(("lat", "lon"), (NORTH, EAST), shift=shift)

    def add(dataset):
        located(dataset)
        attributes = cf_attributes(CRS.from_user_input(STEREO))
        dataset.createVariable("crs", "i4").setncatts(attributes)

    axis = {"units": "m"}
    y, x = -4_300_000 - 1000.0 * np.arange(4), 1000.0 * np.arange(6)
    path = netcdf(tmp_path, y=(y, axis), x=(x, axis), add=add, grid_mapping="crs")
    if fits:
        assert read_frames([path]).grid.latitude is not None
    else:
        assert refused(path) == "place"
