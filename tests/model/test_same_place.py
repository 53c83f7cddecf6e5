"""Two grids are the same only if they put every pixel at the same place on earth."""

from dataclasses import replace

import numpy as np
import pytest
from pyproj import CRS, Geod, Transformer

from echocast.model.errors import ContractViolation
from echocast.model.formats.merging import merge
from echocast.model.formats.projections import cf_attributes
from echocast.model.grid import Grid
from tests.model.formats.radar_files import small_storm

STEREO = "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +units=m"
SWISS = "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +x_0=600000 +y_0=200000"
BESSEL = f"{SWISS} +ellps=bessel"
SHIFTED = f"{BESSEL} +towgs84=674.374,15.056,405.346,0,0,0,0"
LAEA = "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000"
WEB = "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +units=m +nadgrids=@null +wktext"


def grid(projection, x0, y0, side=1000.0, units="m"):
    crs = cf_attributes(CRS.from_user_input(projection)) if projection else {}
    return Grid(y0 - side * np.arange(24), x0 + side * np.arange(20), units, crs)


POLAR = (-100_000.0, -4_300_000.0)
OTHER_PLACES = [  # two projections, x and y of a corner, how far a pixel lies apart in km
    (f"{STEREO} +R=6370040", f"{STEREO} +ellps=WGS84", *POLAR, 12.8),
    (
        f"{STEREO} +ellps=WGS84",
        f"{STEREO} +ellps=WGS84 +lon_0=0".replace("+lon_0=10 ", ""),
        *POLAR,
        709,
    ),
    (f"{STEREO} +ellps=WGS84", f"{STEREO} +ellps=bessel", *POLAR, 0.496),
    (f"{STEREO} +R=6370040", f"{STEREO} +R=6371229", *POLAR, 0.8),
    (BESSEL, SHIFTED, 600_000.0, 200_000.0, 0.18),
    (SHIFTED, "EPSG:21781", 600_000.0, 200_000.0, 0.0),
    (f"{LAEA} +ellps=WGS84", f"{LAEA} +ellps=WGS84".replace("55", "54"), 1.9e6, -2.1e6, 111),
    ("EPSG:3857", "+proj=merc +ellps=WGS84", 2e6, 6.5e6, 20),
]


@pytest.mark.parametrize(("ours", "theirs", "x", "y", "km"), OTHER_PLACES)
def test_another_projection_is_another_grid(ours, theirs, x, y, km):
    one, two = grid(ours, x, y), grid(theirs, x, y)
    to_degrees = [Transformer.from_crs(p, "EPSG:4326", always_xy=True) for p in (ours, theirs)]
    (a, b), (c, d) = (t.transform(x, y) for t in to_degrees)
    assert Geod(ellps="WGS84").inv(a, b, c, d)[2] / 1000 == pytest.approx(km, rel=0.2, abs=0.01)
    assert one.same_as(two) is two.same_as(one) is (km == 0)
    assert one.near(two) is (km == 0)
    frames = small_storm(frames=4)
    first, second = replace(frames[:2], grid=one), replace(frames[2:], grid=two)
    if km:
        with pytest.raises(ContractViolation, match=r"projection is another.* km away"):
            merge([first, second])


SAME_PLACES = [
    (f"{LAEA} +ellps=WGS84", f"{LAEA} +datum=WGS84", 1.9e6, -2.1e6),
    (f"{LAEA} +ellps=WGS84", f"{LAEA} +ellps=GRS80", 1.9e6, -2.1e6),
    (
        "EPSG:3035",
        "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80",
        4e6,
        3e6,
    ),
    (WEB, "EPSG:3857", 2e6, 6.5e6),
    (f"{STEREO} +R=6370040", f"{STEREO} +a=6370040 +b=6370040", *POLAR),
    (
        f"{STEREO} +ellps=WGS84",
        f"{STEREO} +ellps=WGS84 +lon_0=370".replace("+lon_0=10 ", ""),
        *POLAR,
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "x", "y"), SAME_PLACES)
def test_one_projection_in_other_words_is_the_same_grid(ours, theirs, x, y):
    assert grid(ours, x, y).same_as(grid(theirs, x, y))
    assert not grid(ours, x, y).near(grid(theirs, x + 1500, y))


def test_equal_words_ask_no_projection(monkeypatch):
    one, two = (grid(f"{STEREO} +ellps=WGS84", *POLAR) for _ in range(2))
    monkeypatch.setattr("echocast.model.grid.earth_of", None)
    assert one.same_as(two)


def test_the_same_pixels_in_kilometres_are_the_same_grid():
    metres, kilometres = f"{LAEA} +ellps=WGS84", f"{LAEA} +ellps=WGS84 +units=km"
    assert grid(metres, 1.9e6, -2.1e6).same_as(grid(kilometres, 1900, -2100, 1, "km"))
    assert grid("", 0, 0).same_as(grid("", 0, 0, 1, "km"))
    assert grid(metres, 1.9e6, -2.1e6).same_as(grid(metres, 1900, -2100, 1, "km"))
    assert not grid(metres, 1.9e6, -2.1e6).same_as(grid(metres, 1900, -2100, 1, "m"))


def test_a_whole_turn_around_the_earth_is_the_same_place():
    west, east = (grid("", x, 50, 0.01, "degree") for x in (-120.5, 239.5))
    assert west.same_as(east)
    assert not west.near(grid("", -120.4, 50, 0.01, "degree"))
    mercator = "+proj=merc +lon_0=0 +ellps=WGS84"
    turn = 2 * np.pi * 6378137
    assert grid(mercator, 2e7, 5e6).same_as(grid(mercator, 2e7 - turn, 5e6))


def test_degrees_of_a_turned_pole_are_no_latitudes():
    plain = grid("", 5, 50, 0.01, "degree")
    rotated = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 39.25,
        "grid_north_pole_longitude": -162.0,
    }
    assert not plain.same_as(replace(plain, crs=rotated))
    assert plain.same_as(replace(plain, crs={"grid_mapping_name": "latitude_longitude"}))


def test_a_projection_that_proj_does_not_know_is_compared_by_its_words():
    unknown = {"grid_mapping_name": "lattice of the moon"}
    one = replace(grid("", *POLAR), crs=unknown)
    assert one.same_as(replace(one, crs=dict(unknown)))
    assert not one.same_as(replace(one, crs={"grid_mapping_name": "another"}))


@pytest.mark.parametrize("shift", [300.0, -990.0])
def test_a_shift_of_up_to_one_pixel_is_noted(shift):
    frames = small_storm(frames=4)
    one = grid(f"{STEREO} +ellps=WGS84", *POLAR)
    beside = replace(one, x=one.x + shift)
    assert not one.same_as(beside)
    merged = merge([replace(frames[:2], grid=one), replace(frames[2:], grid=beside)])
    assert merged.grid is one
    assert "one pixel" in merged.notes["place"]
    with pytest.raises(ContractViolation, match=r"their x\[0\]"):
        merge(
            [replace(frames[:2], grid=one), replace(frames[2:], grid=replace(one, x=one.x + 1100))]
        )


def test_latitudes_and_longitudes_count_over_the_date_line():
    pixels = Grid.of_pixels(24, 20)
    north = np.float32(-40 - 0.01 * np.arange(24)[:, None] + np.zeros(20))
    east = np.float32(179.95 + 0.01 * np.arange(20)[None] + np.zeros((24, 1)))
    one = replace(pixels, latitude=north, longitude=east)
    wrapped = replace(one, longitude=np.where(east > 180, east - 360, east))
    assert one.same_as(wrapped)
    assert wrapped.pixel_size_km == pytest.approx(one.pixel_size_km)
    assert not one.near(replace(one, longitude=east + np.float32(0.02)))
    half = replace(one, longitude=east + np.float32(0.005))
    assert one.near(half)
    assert not one.same_as(half)


def test_an_archive_of_before_goes_on():
    """Grids as earlier versions stored them, beside what the same files give today."""
    knmi = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a={0} +b={1}"
    before = grid(knmi.format("6378.14", "6356.75"), 300, -3900, 1, "m")
    after = grid(knmi.format("6378140", "6356750") + " +units=km", 300, -3900, 1, "km")
    assert before.near(after)
    web = grid(WEB, 2e6, 6.5e6)
    plain = grid(WEB.replace("+nadgrids=@null", ""), 2e6, 6.5e6)
    assert Grid.from_json(web.to_json()).near(plain)
    swiss = grid(SHIFTED, 255_500, 479_500)
    assert Grid.from_json(replace(swiss, x=swiss.x - 28, y=swiss.y - 181).to_json()).near(swiss)
