"""Where ODIM_H5 composites lie: projections, corners and pixel sizes as agencies write them."""

import h5py
import numpy as np
import pytest
from pyproj import CRS, Transformer

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.place.earth import earth_of
from tests.model.formats.radar_files import odim_file
from tests.model.place.test_earth import MARS

RAW = np.full((4, 6), 100, "u1")
LAEA = "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84 +units=m"
POLAR = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60"
SWISS = (
    "+proj=somerc +lat_0=46.9524055555556 +lon_0=7.43958333333333 +k_0=1 +x_0=600000 +y_0=200000"
    " +ellps=bessel +towgs84=674.374,15.056,405.346,0,0,0,0 +units=m +no_defs"
)
LV03 = "EPSG:21781"  # what the Swiss text above means, by the EPSG registry


def corners(truth, x0, y0, dx, dy, which="UL UR LL LR"):
    """Outer corners in degrees of WGS 84, of a grid whose north-west corner is (x0, y0)."""
    to_degrees = Transformer.from_crs(truth, "EPSG:4326", always_xy=True)
    made = {}
    for name in which.split():
        x, y = x0 + 6 * dx * (name[1] == "R"), y0 - 4 * dy * (name[0] == "L")
        made[f"{name}_lon"], made[f"{name}_lat"] = to_degrees.transform(x, y)
    return made


def composite(tmp_path, projdef, places, xscale, yscale, name="a.h5", **more):
    nothing = dict.fromkeys(f"{a}{b}_{c}" for a in "UL" for b in "LR" for c in ("lon", "lat"))
    where = {**nothing, "projdef": np.bytes_(projdef), "xscale": xscale, "yscale": yscale}
    return odim_file(tmp_path / name, RAW, **where | places | more)


AEQD = "+proj=aeqd +lat_0=52.1 +lon_0=5.2 +R=6371000"
MERC = "+proj=merc +lon_0=19.7 +lat_ts=48 +ellps=WGS84"
SOUTH = "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +ellps=WGS84"
TURNED = "+proj=ob_tran +o_proj=longlat +o_lat_p=43.15 +o_lon_p=0 +lon_0=10 +R=6371229"
CONE = "+proj=lcc +lat_1=-30 +lat_2=-45 +lat_0=-40 +lon_0=180 +ellps=WGS84"
KM = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378140 +b=6356750 +units=km"
GRIDS = {  # projdef, the same for pyproj, north-west corner, pixel, units, a note
    "opera": (LAEA, LAEA, 1886e3, -2052e3, 2000, 2000, "m", ""),
    "pixels are no squares": (LAEA, LAEA, 1886e3, -2052e3, 1000, 2000, "m", ""),
    "towgs84": (SWISS, LV03, 255e3, 480e3, 1000, 1000, "m", ""),
    "datum by name": ("EPSG:2056", "EPSG:2056", 2255e3, 1480e3, 1000, 1000, "m", ""),
    "number": ("EPSG:3035", "EPSG:3035", 4300e3, 3000e3, 2000, 2000, "m", ""),
    "earth in km": (f"{POLAR} +a=6378.14 +b=6356.75", KM, 300, -3900, 1, 1, "km", "kilometres"),
    "sphere in km": (
        f"{POLAR} +R=6378.14",
        f"{POLAR} +R=6378140 +units=km", 300, -3900, 1, 1, "km", "kilometres",
    ),
    "km": (KM, KM, 300, -3900, 1, 1, "km", ""),
    "to_meter": (
        f"{POLAR} +ellps=WGS84 +to_meter=1000",
        f"{POLAR} +ellps=WGS84 +units=km", 300, -3900, 1, 1, "km", "",
    ),
    "sphere": (AEQD, AEQD, -64e3, 48e3, 2000, 2000, "m", ""),
    "degrees": ("+proj=longlat +ellps=WGS84", "EPSG:4326", 15, 50, 0.02, 0.01, "degree", ""),
    "web mercator": (
        "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +units=m +nadgrids=@null +wktext",
        "EPSG:3857", 2e6, 6.5e6, 1000, 1000, "m", "",
    ),
    "mercator": (MERC, MERC, -3e5, 4e6, 1000, 1000, "m", ""),
    "south pole": (SOUTH, SOUTH, -5e3, 4e3, 2e3, 2e3, "m", ""),
    "turned pole": (TURNED, TURNED, -2, 3, 0.02, 0.02, "degree", ""),
    "date line": ("+proj=longlat +datum=WGS84", "EPSG:4326", 179.95, -40, 0.02, 0.01, "degree", ""),
    "date line on a cone": (CONE, CONE, -3e3, 2e3, 1000, 1000, "m", ""),
}  # fmt: skip


@pytest.mark.parametrize("which", ["UL LR", "LL UR", "UL UR LL LR"])
@pytest.mark.parametrize("name", GRIDS)
def test_pixels_lie_where_pyproj_says(tmp_path, name, which):
    projdef, truth, x0, y0, dx, dy, units, note = GRIDS[name]
    places = corners(truth, x0, y0, dx, dy, which)
    frames = read_frames([composite(tmp_path, projdef, places, float(dx), float(dy))])
    grid, middle_x, middle_y = frames.grid, x0 + 2.5 * dx, y0 - 1.5 * dy
    assert grid.units == units
    assert grid.x[2] == pytest.approx(middle_x, abs=2e-3 * dx)
    assert grid.y[1] == pytest.approx(middle_y, abs=2e-3 * dy)
    east, north = Transformer.from_crs(truth, "EPSG:4326", always_xy=True).transform(
        middle_x, middle_y
    )
    there = earth_of(grid.crs, grid.units).coordinates(north, east, grid.x.mean())
    assert there == pytest.approx((middle_y, middle_x), abs=0.01 * dx)
    assert note in frames.notes.get("place", "")
    assert bool(note) is ("place" in frames.notes)


def test_mercator_over_the_date_line(tmp_path):
    projdef = "+proj=merc +lon_0=0 +ellps=WGS84"
    places = {"UL_lon": 179.97, "UL_lat": -17.0, "LR_lon": -179.97, "LR_lat": -17.04}
    grid = read_frames([composite(tmp_path, projdef, places, None, None)]).grid
    step = np.deg2rad(0.01) * 6378137
    np.testing.assert_allclose(grid.x, np.deg2rad(179.975) * 6378137 + step * np.arange(6))
    _, x = grid.earth.coordinates(-17.02, -179.975, grid.x.mean())
    assert np.argmin(abs(grid.x - x)) == 5


def test_a_pixel_size_in_metres_of_a_grid_in_degrees(tmp_path):
    places = corners("EPSG:4326", 15, 50, 0.02, 0.01)
    frames = read_frames([composite(tmp_path, "+proj=longlat", places, 1430.0, 1112.0)])
    np.testing.assert_allclose(frames.grid.x, 15.01 + 0.02 * np.arange(6))
    assert "metres" in frames.notes["place"]
    with pytest.raises(ContractViolation, match="disagree"):
        read_frames([composite(tmp_path, "+proj=longlat", places, 2860.0, 1112.0)])


@pytest.mark.parametrize(
    ("shift", "answer"), [(0.0, None), (600.0, "one pixel"), (2500.0, "pixels")]
)
def test_four_corners_must_be_those_of_one_grid(tmp_path, shift, answer):
    places = corners(LAEA, 1886e3, -2052e3, 2000, 2000)
    moved = corners(LAEA, 1886e3 + shift, -2052e3, 2000, 2000)
    places |= {name: moved[name] for name in ("LL_lon", "LL_lat")}
    path = composite(tmp_path, LAEA, places, 2000.0, 2000.0)
    if answer == "pixels":
        with pytest.raises(ContractViolation, match=r"LL lies 1\.25 pixels beside") as refusal:
            read_frames([path])
        assert refusal.value.rule == "grid"
    else:
        frames = read_frames([path])
        assert frames.grid.x[0] == pytest.approx(1887e3, abs=0.01)
        assert (answer is None) is ("place" not in frames.notes)


@pytest.mark.parametrize("which", ["UL UR", "LL", ""])
def test_corners_of_one_side_place_nothing(tmp_path, which):
    places = corners(LAEA, 1886e3, -2052e3, 2000, 2000, which)
    assert read_frames([composite(tmp_path, LAEA, places, 2000.0, 2000.0)]).grid.units == "1"


def test_files_whose_corners_differ_by_a_pixel_are_read_on_the_first(tmp_path):
    paths = []
    for number, shift in enumerate((0, 1000, -2000)):
        places = corners(LAEA, 1886e3 + shift, -2052e3, 2000, 2000)
        name = f"{number}.h5"
        paths.append(composite(tmp_path, LAEA, places, 2000.0, 2000.0, name))
        with h5py.File(paths[-1], "a") as file:
            file["what"].attrs["time"] = np.bytes_(f"12{5 * number:02}00")
    frames = read_frames(paths)
    assert frames.grid.x[0] == pytest.approx(1887e3, abs=0.01)
    assert frames.notes["place"].count("one pixel") == 1
    moved = corners(LAEA, 1886e3 + 2200, -2052e3, 2000, 2000)
    with pytest.raises(ContractViolation, match=r"one grid .*12:00:00.*12:00:00.*their x\[0\]"):
        read_frames([paths[0], composite(tmp_path, LAEA, moved, 2000.0, 2000.0, "b.h5")])


def test_two_projections_in_one_request_are_refused(tmp_path):
    places = corners(LAEA, 1886e3, -2052e3, 2000, 2000)
    first = composite(tmp_path, LAEA, places, 2000.0, 2000.0)
    other = LAEA.replace("+lon_0=10", "+lon_0=11")
    truth = CRS.from_user_input(other)
    second = composite(
        tmp_path, other, corners(truth, 1886e3, -2052e3, 2000, 2000), 2e3, 2e3, "b.h5"
    )
    with pytest.raises(ContractViolation, match="projection is another") as refusal:
        read_frames([first, second])
    assert refusal.value.rule == "grid"


@pytest.mark.parametrize("projdef", ["EPSG:5709", "EPSG:4978", MARS])
def test_a_projection_that_is_no_map_of_the_earth_is_refused(tmp_path, projdef):
    path = composite(tmp_path, projdef, corners(LAEA, 1886e3, -2052e3, 2e3, 2e3), 2e3, 2e3)
    with pytest.raises(ContractViolation) as refusal:
        read_frames([path])
    assert refusal.value.rule == "grid"
