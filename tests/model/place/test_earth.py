"""Coordinates to places on earth and back, as pyproj's own transformation gives them."""

from unittest.mock import Mock

import numpy as np
import pytest
from pyproj import Transformer

from echocast.model.formats.projections import cf_attributes
from echocast.model.place import earth
from echocast.model.place.earth import distance_km, earth_of
from echocast.model.place.projection_text import parsed_crs

PLACES = {  # projection, units, metres in a unit of it, latitude, longitude
    "EPSG:2193": ("m", 1, -41.0, 174.0),
    "EPSG:28992": ("km", 1, 52.0, 5.0),
    "EPSG:27700": ("m", 1, 52.0, -1.0),
    "EPSG:5514": ("m", 1, 50.0, 15.0),
    "EPSG:2263": ("m", 1200 / 3937, 40.7, -74.0),
    "EPSG:4267": ("degree", 1, 40.0, -90.0),
    "EPSG:7415": ("m", 1, 52.0, 5.0),
    "+proj=utm +zone=33 +south +ellps=WGS84": ("m", 1, -30.0, 15.0),
    "+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84": ("m", 1, 50.0, 10.0),
    "+proj=lcc +lat_1=44 +lat_2=49 +lat_0=46.5 +lon_0=0 +pm=paris +ellps=WGS84": ("m", 1, 47, 3.0),
    "+proj=longlat +ellps=bessel +towgs84=674.374,15.056,405.346": ("degree", 1, 47.0, 8.0),
    "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6370040": ("m", 1, 50.0, 10.5),
}


@pytest.mark.parametrize("text", PLACES)
def test_places_are_those_of_pyproj(text):
    units, unit, latitude, longitude = PLACES[text]
    crs = parsed_crs(text)
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    plane = Transformer.from_crs("EPSG:4326", flat, always_xy=True)
    x, y = (v * unit / (1000 if units == "km" else 1) for v in plane.transform(longitude, latitude))
    earth = earth_of(cf_attributes(crs), units)
    assert earth.coordinates(latitude, longitude, x) == pytest.approx((y, x), rel=1e-6)
    assert earth.degrees(y, x) == pytest.approx((latitude, longitude), abs=1e-6)


MARS = (
    'GEOGCRS["Mars 2000",DATUM["D_Mars_2000",ELLIPSOID["Mars_2000",3396190,169.89]],'
    'PRIMEM["Reference_Meridian",0],CS[ellipsoidal,2],AXIS["lon",east],AXIS["lat",north],'
    'ANGLEUNIT["degree",0.0174532925199433]]'
)


@pytest.mark.parametrize(
    ("mapping", "units"),
    [
        ({}, "1"),
        ({}, "km"),
        ({"crs_wkt": MARS}, "degree"),
        ({"crs_wkt": parsed_crs("EPSG:4978").to_wkt()}, "m"),
        ({"crs_wkt": parsed_crs("EPSG:5709").to_wkt()}, "m"),
        ({"crs_wkt": parsed_crs("EPSG:4326").to_wkt()}, "m"),
        ({"grid_mapping_name": "lattice of the moon"}, "m"),
        ({"crs_wkt": "+proj=vgridshift +grids=canary"}, "m"),
    ],
)
def test_coordinates_without_a_map_of_the_earth_tell_no_place(mapping, units):
    assert earth_of(mapping, units) is None


def test_a_degree_of_a_great_circle_is_111_km():
    here, there = np.array([[0.0, 89.5], [179.5, 0.0]]), np.array([[0.0, 89.5], [-179.5, 180.0]])
    np.testing.assert_allclose(distance_km(here, there), 111.195, rtol=1e-5)


def test_the_way_to_the_earth_is_asked_for_once_a_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job has a grid of its own, and a forecast's file says where it is."""
    search = Mock(side_effect=earth.to_plane)
    monkeypatch.setattr(earth, "to_plane", search)
    mapping = {
        "grid_mapping_name": "lambert_azimuthal_equal_area",
        "latitude_of_projection_origin": 51.625,
        "longitude_of_projection_origin": 3.875,
    }
    ways = [earth.earth_of(given, "m") for given in (mapping, dict(reversed(mapping.items())))]
    assert ways[0] is ways[1] is not None
    assert search.call_count == 1
    assert earth.earth_of(mapping, "km") != ways[0]
    assert search.call_count == 2
