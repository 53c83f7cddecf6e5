"""Formats of single agencies: what a file means, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from echocast.model.contract import InputContract
from echocast.model.errors import (
    ContractViolation,
    InputTooLarge,
    UnreadableInput,
    UnsupportedInput,
)
from echocast.model.formats.readers import read_frames, read_header
from echocast.model.formats.reading import Reading, Stated
from echocast.model.reflectivity import NO_RAIN_DBZ
from tests.model.formats.foreign_files import (
    FOREIGN,
    STORM,
    TIME,
    UNMEASURED,
    cwa,
    fmi_pgm,
    geotiff,
    grib2,
    hungaromet,
    knmi,
    meteoswiss_gif,
    picture,
    radolan,
)


def rule_of(path: Path, reading: Reading | None = None) -> str:
    with pytest.raises(ContractViolation) as caught:
        read_frames([path], reading)
    return caught.value.rule


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_means_what_its_agency_wrote(name: str, tmp_path: Path) -> None:
    foreign = FOREIGN[name]
    path = foreign.write(tmp_path)
    frames = read_frames([path])
    values = frames.reflectivity_dbz[0]
    assert frames.times == (TIME,)
    assert values[2, 3] == pytest.approx(foreign.storm_dbz, abs=0.01) == values[STORM].max()
    assert np.all(np.diff(values[STORM].reshape(-1)) < 0)
    assert values[0, 0] == values[10, 10] == NO_RAIN_DBZ
    assert np.isnan(values[UNMEASURED]).all()
    assert np.isnan(values).sum() == values[UNMEASURED].size
    assert frames.grid.pixel_size_km == pytest.approx(foreign.pixel_km, rel=0.01)
    assert frames.grid.earth is not None


@pytest.mark.parametrize("name", FOREIGN)
def test_a_header_says_the_same_without_values(name: str, tmp_path: Path) -> None:
    header = read_header(FOREIGN[name].write(tmp_path))
    assert (header.kind, header.times) == (FOREIGN[name].kind, (TIME,))
    assert header.units == ("mm/h" if name == "meteoswiss-gif" else "dBZ")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_cut_file_is_unreadable(name: str, tmp_path: Path) -> None:
    path = FOREIGN[name].write(tmp_path)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises((UnreadableInput, ContractViolation)):
            read_frames([path])


@pytest.mark.parametrize("name", FOREIGN)
def test_limits_hold_before_values_are_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputTooLarge):
        read_frames([FOREIGN[name].write(tmp_path)], contract=InputContract(maximum_side=16))


def test_north_is_up_where_rows_run_from_the_south(tmp_path: Path) -> None:
    grid = read_frames([radolan(tmp_path)]).grid
    north, _ = grid.earth.degrees(grid.y[:2], grid.x[:2])
    assert north[0] > north[1]


def test_the_corners_of_radolan_are_those_of_dwd(tmp_path: Path) -> None:
    """DWD's format description gives 46.9526 N, 3.5889 E for the south-western corner."""
    grid = read_frames([radolan(tmp_path)]).grid
    north, east = grid.earth.degrees(grid.y[-1] - 500, grid.x[0] - 500)
    assert (float(north), float(east)) == pytest.approx((46.9526, 3.5889), abs=5e-4)


@pytest.mark.parametrize(
    ("formula", "offset"),
    [(b"GEO = 0.5 * PV - 32.0", -32), (b"GEO=0.500*PV+-31.5", -31.5), (b"GEO=0.5*PV", 0)],
)
def test_the_formula_of_knmi_is_read(formula: bytes, offset: float, tmp_path: Path) -> None:
    path = knmi(tmp_path, formula=formula, raw=picture(100, 0, 255, np.uint8))
    assert read_frames([path]).reflectivity_dbz[0, 2, 3] == 50 + offset


def test_amounts_of_knmi_are_rates_over_their_interval(tmp_path: Path) -> None:
    raw = picture(100, 0, 255, np.uint16)
    parameter, formula = b"ACCUMULATED_PRECIPITATION_[MM]", b"GEO=0.01*PV+0.0"
    frames = read_frames([knmi(tmp_path, raw=raw, parameter=parameter, formula=formula)])
    rate = 60 / 5 * 0.01 * 100
    assert frames.reflectivity_dbz[0, 2, 3] == pytest.approx(
        10 * np.log10(200 * rate**1.6), abs=0.01
    )
    assert "5 minutes" in frames.notes["interval"]


def test_a_formula_that_is_none_is_refused(tmp_path: Path) -> None:
    assert rule_of(knmi(tmp_path, formula=b"GEO=LOG(PV)")) == "packing"
    assert rule_of(knmi(tmp_path, parameter=b"ECHO_TOP_HEIGHT_[KM]")) == "units"


def test_codes_of_gdal_and_codes_of_items_mean_the_same(tmp_path: Path) -> None:
    ours = read_frames([geotiff(tmp_path)])
    path = geotiff(tmp_path, "other.tif", nodata=255, tags={"NODATA": ""})
    assert read_frames([path]).sha256() == ours.sha256()


def test_the_time_of_a_name_is_used_and_noted(tmp_path: Path) -> None:
    path = geotiff(tmp_path, "OPERA@20260701T1205@0@DBZH.tiff", tags={"OBSERVATION TIME": ""})
    frames = read_frames([path])
    assert frames.times == (TIME,)
    assert "files' names" in frames.notes["time"]


@pytest.mark.parametrize("name", ["radar.tif", "202607011205_202607011210.tif", "209913011205.tif"])
def test_without_a_single_time_nothing_is_guessed(name: str, tmp_path: Path) -> None:
    assert rule_of(geotiff(tmp_path, name, tags={"OBSERVATION TIME": ""})) == "time-missing"


def test_geotiff_without_units_needs_a_statement(tmp_path: Path) -> None:
    path = geotiff(tmp_path, tags={"QUANTITY": "", "GAIN": "", "OFFSET": "", "NODATA": ""})
    with pytest.raises(ContractViolation, match="state them, such as units=dBZ") as refusal:
        read_frames([path])
    assert refusal.value.rule == "units-missing"
    stated = Stated("dBZ", gain=0.5, offset=-32, nodata=255)
    ours = read_frames([geotiff(tmp_path, "20260701T1205_other.tif")])
    assert read_frames([path], Reading(stated=stated)).sha256() == ours.sha256()


@pytest.mark.parametrize("stated", [Stated(gain=1.5), Stated(offset=2), Stated(nodata=0)])
def test_a_statement_that_contradicts_the_file_is_refused(stated: Stated, tmp_path: Path) -> None:
    assert rule_of(geotiff(tmp_path), Reading(stated=stated)) == "contradicting-statement"


def test_an_integer_at_the_end_of_its_type_needs_a_code(tmp_path: Path) -> None:
    assert rule_of(geotiff(tmp_path, tags={"NODATA": ""})) == "undeclared-code"


def test_a_picture_is_no_measurement(tmp_path: Path) -> None:
    raw = np.stack([picture(164, 0, 255, np.uint8)] * 3)
    path = geotiff(tmp_path, raw=raw, photometric="RGB")
    assert rule_of(path, Reading("band1")) == "picture"
    assert rule_of(meteoswiss_gif(tmp_path, comment="a holiday")) == "picture"


def test_a_gif_that_claims_a_continent_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = meteoswiss_gif(tmp_path)
    content = bytearray(path.read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"  # width and height
    place = content.index(b",\x00\x00\x00\x00")  # of the image in it
    content[place + 5 : place + 9] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(InputTooLarge, match="pixels"):
        read_frames([path])


def test_of_several_bands_one_is_named(tmp_path: Path) -> None:
    raw = np.stack([picture(164, 0, 255, np.uint8), picture(104, 0, 255, np.uint8)])
    path = geotiff(tmp_path, raw=raw, photometric="MINISBLACK", ALPHA="NO")
    assert rule_of(path) == "variable-ambiguous"
    assert rule_of(path, Reading("band3")) == "variable-missing"
    assert read_frames([path], Reading("band2")).reflectivity_dbz[0, 2, 3] == 20


def test_an_image_without_a_place_or_turned_is_refused(tmp_path: Path) -> None:
    from rasterio import Affine

    assert rule_of(geotiff(tmp_path, "a_202607011205.tif", crs=None)) == "place"
    turned = Affine.rotation(30) * Affine.scale(1000, -1000)
    assert rule_of(geotiff(tmp_path, "b_202607011205.tif", transform=turned)) == "grid"


def test_a_forecast_in_grib_is_refused(tmp_path: Path) -> None:
    assert rule_of(grib2(tmp_path, seconds_ahead=600)) == "not-observed"


def test_pgm_that_is_no_reflectivity_or_has_no_time_is_refused(tmp_path: Path) -> None:
    assert rule_of(fmi_pgm(tmp_path, param=b"EchoTop")) == "units"
    assert rule_of(fmi_pgm(tmp_path, obstime=b"yesterday")) == "time-units"
    assert rule_of(fmi_pgm(tmp_path, type=b"mercator")) == "grid"


def test_products_of_radolan_that_are_not_read_are_refused(tmp_path: Path) -> None:
    for path in (radolan(tmp_path, b"SF"), radolan(tmp_path, rows=460)):
        with pytest.raises(UnsupportedInput, match="RX, RY and YW"):
            read_frames([path])


def test_the_image_of_hungaromet_is_valid_at_the_end_of_its_scan(tmp_path: Path) -> None:
    frames = read_frames([hungaromet(tmp_path)])
    assert frames.times == (TIME,)
    assert "begins of scans of 5 minutes" in frames.notes["time"]
    assert rule_of(hungaromet(tmp_path, "radar.nc")) == "time-missing"


def test_hungaromet_packed_otherwise_is_refused(tmp_path: Path) -> None:
    assert rule_of(hungaromet(tmp_path, units="dBZ=raw/3-32")) == "packing"
    assert rule_of(hungaromet(tmp_path), Reading("La1")) == "packing"


def test_the_corner_of_hungaromet_is_the_centre_of_a_pixel(tmp_path: Path) -> None:
    grid = read_frames([hungaromet(tmp_path)]).grid
    assert (grid.y[0], grid.x[0]) == pytest.approx((50.5, 13.5), abs=1e-6)
    assert (grid.y[1], grid.x[1]) == pytest.approx((50.492, 13.5125), abs=1e-6)


def test_degrees_of_cwa_are_of_taiwans_own_datum(tmp_path: Path) -> None:
    """TWD97, which is WGS 84 to within a metre, lies 828 m east and 207 m south of TWD67."""
    grid = read_frames([cwa(tmp_path, StartPointLongitude="121", StartPointLatitude="23.5")]).grid
    north, east = grid.earth.degrees(grid.y[-1], grid.x[0])
    assert (east - 121) * 111_320 * np.cos(np.deg2rad(23.5)) == pytest.approx(828, abs=15)
    assert (north - 23.5) * 110_800 == pytest.approx(-207, abs=15)


@pytest.mark.parametrize(
    "changes",
    [
        {"DateTime": "2026-07-01T20:05:00"},
        {"DateTime": "yesterday"},
        {"Reflectivity": "mm"},
        {"GridDimensionX": "x"},
        {"GridDimensionX": "-5"},
        {"GridResolution": "1e999"},
        {"GridResolution": "0"},
    ],
)
def test_what_cwa_has_to_say_is_never_guessed(changes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises((ContractViolation, UnreadableInput)):
        read_frames([cwa(tmp_path, **changes)])


def test_numbers_of_cwa_that_are_none_or_too_few_are_damage(tmp_path: Path) -> None:
    path = cwa(tmp_path)
    content = path.read_bytes()
    for damage in (b"-9.9X0E+01", b"-9.900E+01,1"):
        path.write_bytes(content.replace(b"-9.900E+01", damage, 1))
        with pytest.raises(UnreadableInput, match="damaged"):
            read_frames([path])


def test_without_rasterio_it_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    import sys

    path = geotiff(tmp_path)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(UnsupportedInput, match=r"echocast\[formats\]"):
        read_frames([path])


@pytest.mark.parametrize("target", ["/etc/hosts", "other.tif"])
def test_gdal_opens_no_other_file(target: str, tmp_path: Path) -> None:
    """A VRT is text that names files; its suffix does not matter."""
    path = tmp_path / "20260701T1205.tif"
    path.write_text(f"<VRTDataset><SourceFilename>{target}</SourceFilename></VRTDataset>")
    with pytest.raises(UnreadableInput, match="must be"):
        read_frames([path])
