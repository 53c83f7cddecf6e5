"""Missing and dry pixels of ODIM_H5 files, by the codes that agencies write."""

import h5py
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import odim_file

Y, X = np.mgrid[:24, :30]
CELL = 48 - 2.0 * ((Y - 12) ** 2 + (X - 15) ** 2) / 3
DRY = CELL < 5
DBZ = np.where(DRY, -32, CELL)
RATES = np.where(DRY, 0, (10 ** (CELL / 10) / 200) ** (1 / 1.6))
HOLE = X < 5
HALF = {"gain": 0.5, "offset": -32.0}
PLAIN = {"gain": 1.0, "offset": 0.0}


def composite(path, dtype, nodata, undetect, *, stored=None, rate=False, gain=1.0, offset=0.0):
    """A composite with a hole and dry pixels; ``stored``: the two codes in the data."""
    missing, dry = stored or (nodata, undetect)
    values = ((RATES if rate else CELL) - offset) / gain
    if np.dtype(dtype).kind in "iu":
        values = np.rint(values)
    raw = np.where(HOLE, missing, np.where(DRY, dry, values))
    quantity = "RATE" if rate else "DBZH"
    with np.errstate(over="ignore"):
        raw = raw.astype(dtype)
    odim_file(path, raw, quantity=quantity, gain=gain, offset=offset)
    with h5py.File(path, "a") as file:
        attributes = file["dataset1/data1/what"].attrs
        for name, code in (("nodata", nodata), ("undetect", undetect)):
            del attributes[name]
            if code is not None:
                attributes[name] = code
    return path


def check(frames, expected=DBZ, atol=0.26):
    np.testing.assert_array_equal(frames.missing[0], HOLE)
    values = frames.reflectivity_dbz[0]
    np.testing.assert_allclose(values[~HOLE], expected[~HOLE], atol=atol)
    assert (values[DRY & ~HOLE] == frames.no_rain_dbz).all()
    assert frames.no_rain_dbz == -32


def refused(path):
    with pytest.raises(ContractViolation) as caught:
        read_frames([path])
    assert "a.h5" in str(caught.value)
    return caught.value.rule


CODES = {  # type, nodata, undetect, stored instead, packing
    "bytes": ("u1", 255.0, 0.0, None, HALF),
    "words of DWD": ("u2", 65535.0, 0.0, None, {"gain": 0.00293, "offset": -64.003}),
    "doubles of OPERA": ("f8", -9999000.0, -8888000.0, None, PLAIN),
    "floats": ("f4", -9999000.0, -8888000.0, None, PLAIN),
    "fractions beside floats": ("f4", -33.1, -32.1, None, PLAIN),
    "a tenth beside floats": ("f4", -0.1, -32.1, None, PLAIN),
    "floats beside doubles": ("f8", np.float32(-33.1), np.float32(-32.1), (-33.1, -32.1), PLAIN),
    "NaN is missing": ("f4", np.nan, -32.0, None, PLAIN),
    "NaN is dry": ("f4", -9999.0, np.nan, None, PLAIN),
    "NaN is dry in doubles": ("f8", -9999.0, np.nan, None, PLAIN),
    "infinity is dry": ("f4", -9999.0, -np.inf, None, PLAIN),
    "infinity is missing": ("f4", np.inf, -9999.0, None, PLAIN),
    "NaN is missing without a code": ("f4", None, -32.0, (np.nan, -32.0), PLAIN),
    "beyond floats": ("f4", -1e300, -32.0, None, PLAIN),
    "text": ("u1", np.bytes_("255"), np.bytes_("0"), (255, 0), HALF),
    "padded text": ("u1", np.bytes_("255.0  "), np.bytes_("0.0"), (255, 0), HALF),
    "text of fractions": ("f4", "-33.1", "-32.1", (-33.1, -32.1), PLAIN),
    "integers": ("u1", np.int64(255), np.int32(0), None, HALF),
    "no undetect": ("u1", 255.0, None, (255, 0), HALF),
    "undetect that the type can't hold": ("u1", 255.0, -9999.0, (255, 0), HALF),
    "dry above missing": ("u1", 0.0, 255.0, None, {"gain": 0.5, "offset": -32.5}),
    "signed bytes": ("i1", -128.0, -127.0, None, {"gain": 0.5, "offset": 10.0}),
}


@pytest.mark.parametrize("name", CODES)
def test_missing_and_dry_are_those_that_were_written(tmp_path, name):
    dtype, nodata, undetect, stored, packing = CODES[name]
    path = composite(tmp_path / "a.h5", dtype, nodata, undetect, stored=stored, **packing)
    check(read_frames([path]))


RATE_CODES = {
    "-1 and 0": ("f4", -1.0, 0.0, PLAIN),
    "a tenth below": ("f4", -9999.0, -0.1, PLAIN),
    "NaN and 0 (MeteoSwiss)": ("f4", np.nan, 0.0, PLAIN),
    "999.9": ("f4", 999.9, 0.0, PLAIN),
    "9999.9": ("f4", 9999.9, 0.0, PLAIN),
    "words": ("u2", 65535.0, 0.0, {"gain": 0.01, "offset": 0.0}),
    "NaN is dry": ("f4", -1.0, np.nan, PLAIN),
}


@pytest.mark.parametrize("name", RATE_CODES)
def test_missing_and_dry_rates(tmp_path, name):
    dtype, nodata, undetect, packing = RATE_CODES[name]
    path = composite(tmp_path / "a.h5", dtype, nodata, undetect, rate=True, **packing)
    check(read_frames([path]), atol=0.4)  # a count of 0.01 mm/h is so much of the weakest


@pytest.mark.parametrize(
    ("dtype", "code"), [("u1", 0.0), ("u1", 255.0), ("f4", np.nan), ("f4", -9999.0), ("f8", -1e9)]
)
def test_one_code_for_missing_and_dry_is_refused(tmp_path, dtype, code):
    path = composite(tmp_path / "a.h5", dtype, code, code, **(HALF if dtype == "u1" else PLAIN))
    assert refused(path) == "contradicting-codes"


def test_codes_that_are_one_in_the_type_of_the_data_are_refused(tmp_path):
    path = composite(tmp_path / "a.h5", "f4", -9999000.1, -9999000.2, **PLAIN)
    assert refused(path) == "contradicting-codes"


def test_equal_codes_that_do_not_occur_mean_nothing(tmp_path):
    raw = np.full((24, 30), 100, "u1")
    path = odim_file(tmp_path / "a.h5", raw)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["nodata"] = 0.0
    assert (read_frames([path]).reflectivity_dbz == 18).all()


UNDECLARED = {
    "bytes": ("u1", None, 0.0, (255, 0), HALF),
    "bytes whose largest value could be rain": ("u1", None, 0.0, (255, 0), {"gain": 0.3}),
    "words": ("u2", None, 0.0, (65535, 0), {"gain": 0.002, "offset": -32.0}),
    "signed words": ("i2", None, 0.0, (-32768, 0), {"gain": 0.01, "offset": -32.0}),
    "nodata that the type can't hold": ("u1", -9999.0, 0.0, (255, 0), {"gain": 0.3}),
    "-1 in words": ("u2", -1.0, 0.0, (65535, 0), {"gain": 0.002, "offset": -32.0}),
    "255 in signed bytes": ("i1", 255.0, 0.0, (-1, 0), {"gain": 0.5, "offset": -10.0}),
    "NaN in bytes": ("u1", np.nan, 0.0, (255, 0), {"gain": 0.3}),
    "undetect -2 in bytes": ("u1", 255.0, -2.0, (255, 254), {"gain": 0.3}),
}


@pytest.mark.parametrize("name", UNDECLARED)
def test_the_largest_value_without_a_code_is_refused(tmp_path, name):
    dtype, nodata, undetect, stored, packing = UNDECLARED[name]
    path = composite(tmp_path / "a.h5", dtype, nodata, undetect, stored=stored, **packing)
    assert refused(path) == "undeclared-code"
    with pytest.raises(ContractViolation, match="Set nodata"):
        read_frames([path])


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_the_largest_rate_without_a_code_is_refused(tmp_path, dtype):
    largest, gain = {"u1": (255, 0.5), "u2": (65535, 0.01)}[dtype]
    stored = (largest, 0)
    path = composite(tmp_path / "a.h5", dtype, None, 0.0, stored=stored, rate=True, gain=gain)
    assert refused(path) == "undeclared-code"


def test_the_largest_value_beside_another_code_is_rain(tmp_path):
    raw = np.where(CELL > 45, 255, np.where(CELL > 5, np.rint(CELL / 0.2), 0)).astype("u1")
    path = odim_file(tmp_path / "a.h5", raw, gain=0.2, offset=0.0)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["nodata"] = 1.0
    frames = read_frames([path])
    assert frames.reflectivity_dbz.max() == 51
    assert not frames.missing.any()


@pytest.mark.parametrize(
    ("code", "rule"),
    [(9999.0, "range"), (3000.0, "range"), (-1.0, "range"), (800, "undeclared-code")],
)
def test_undeclared_rates_are_refused(tmp_path, code, rule):
    stored = (code, 0)
    path = composite(tmp_path / "a.h5", "f4", -9999.0, 0.0, stored=stored, rate=True)
    assert refused(path) == rule
    with pytest.raises(ContractViolation, match="nodata"):
        read_frames([path])


@pytest.mark.parametrize("low", [-32.5, -35.0, -45.0, -64.0])
def test_clear_air_below_the_floor_is_dry(tmp_path, low):
    gain, offset = 0.00292997889777458, -64.0029299788977746
    raw = np.where(HOLE, 65535, np.where(DRY, 0, np.rint((CELL - offset) / gain)))
    raw[2:6, 20:24] = np.rint((low - offset) / gain)
    path = odim_file(tmp_path / "a.h5", raw.astype("u2"), gain=gain, offset=offset)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["nodata"] = 65535.0
    check(read_frames([path]), atol=0.002)


@pytest.mark.parametrize("code", [-99.0, -999.0, 95.5])
def test_undeclared_reflectivity_is_refused(tmp_path, code):
    path = composite(tmp_path / "a.h5", "f4", -9999.0, -32.0, stored=(code, -32.0))
    assert refused(path) == "range"


def test_floats_without_gain_and_offset_are_values(tmp_path):
    path = composite(tmp_path / "a.h5", "f4", -9999.0, -8888.0)
    with h5py.File(path, "a") as file:
        for name in PLAIN:
            del file["dataset1/data1/what"].attrs[name]
    check(read_frames([path]))


@pytest.mark.parametrize(("name", "value"), [("gain", 0.0), ("gain", np.nan), ("offset", np.inf)])
def test_a_gain_that_loses_the_values_is_refused(tmp_path, name, value):
    assert (
        refused(odim_file(tmp_path / "a.h5", np.ones((4, 6), "u1"), **{name: value})) == "packing"
    )


@pytest.mark.parametrize(
    "value", ["0.5", np.bytes_("0.5"), np.array([0.5]), np.array(["0.5"], "S")]
)
def test_gain_as_others_write_it(tmp_path, value):
    path = composite(tmp_path / "a.h5", "u1", 255.0, 0.0, **HALF)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["gain"] = value
    check(read_frames([path]))


def test_big_endian_data(tmp_path):
    check(read_frames([composite(tmp_path / "a.h5", ">f4", -33.1, -32.1)]))
    words = {"gain": 0.01, "offset": -32.0}
    check(read_frames([composite(tmp_path / "a.h5", ">u2", 65535.0, 0.0, **words)]))


def test_rates_are_those_of_marshall_and_palmer(tmp_path):
    path = composite(tmp_path / "a.h5", "f8", -9999.0, 0.0, rate=True)
    expected = ZR().reflectivity_dbz(np.where(HOLE, np.nan, RATES))
    np.testing.assert_array_equal(read_frames([path]).reflectivity_dbz[0], expected)
