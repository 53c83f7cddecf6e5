"""Missing, dry and valid values of NetCDF fields, as their writers wrote them.

The right masks are worked out from what was written, not from what a library reads.
"""

import h5py
import netCDF4
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.reflectivity import ZR

SHAPE = (2, 16, 20)
Y, X = np.mgrid[: SHAPE[1], : SHAPE[2]]
HOLE = np.broadcast_to(Y < 4, SHAPE)  # where nothing was observed
CELL = 48 - 3.0 * ((Y - 10) ** 2 + (X - 9) ** 2)
DBZ = np.where(CELL > 5, CELL, -32.0) + np.zeros(SHAPE)
DRY = DBZ == -32
RATES = np.where(DRY, 0.0, (10 ** (DBZ / 10) / 200) ** (1 / 1.6))
SLOPE = np.where(Y < 12, np.linspace(6, 48, Y.size).reshape(Y.shape), -32) + np.zeros(SHAPE)
COUNTS = np.rint((DBZ + 32) / 0.5).astype(int)
HALVES = {"scale_factor": 0.5, "add_offset": -32.0}
HUNDREDTHS = {"scale_factor": 0.01, "add_offset": 0.0}


def field(path, stored, dtype, attributes, *, units="dBZ", fill=False, form="NETCDF4"):
    """A file whose variable ``field`` stores just these values and has just these attributes."""
    with netCDF4.Dataset(path, "w", format=form) as dataset:
        for name, size in zip(("time", "y", "x"), SHAPE, strict=True):
            dataset.createDimension(name, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "minutes since 2026-07-01 12:00:00"
        time[:] = np.arange(SHAPE[0]) * 5.0
        variable = dataset.createVariable("field", dtype, ("time", "y", "x"), fill_value=fill)
        variable.units = units
        variable.setncatts(attributes)
        variable.set_auto_maskandscale(False)
        variable[:] = np.asarray(stored).astype(dtype)
    return path


def holed(values, code):
    return np.where(HOLE, code, values)


def check(frames, expected, missing=HOLE, atol=0.26):
    np.testing.assert_array_equal(frames.missing, missing)
    right = np.where(missing, 0, expected)
    np.testing.assert_allclose(np.nan_to_num(frames.reflectivity_dbz), right, atol=atol)


def refused(path):
    with pytest.raises(ContractViolation) as caught:
        read_frames([path])
    assert "a.nc" in str(caught.value)
    return caught.value.rule


EVERY_OTHER = np.arange(SHAPE[2]) % 2 == 0
AS_BYTES = holed(COUNTS, 255).astype("u1").view("i1")

MISSING = {  # type, stored values, attributes, _FillValue
    "a double beside bytes": ("u1", holed(COUNTS, 255), {**HALVES, "missing_value": 255.0}, False),
    "text beside bytes": ("u1", holed(COUNTS, 255), {**HALVES, "missing_value": "255"}, False),
    "text with a point": ("u1", holed(COUNTS, 255), {**HALVES, "missing_value": "255.0"}, False),
    "a wider integer": ("u1", holed(COUNTS, 255), {**HALVES, "missing_value": 255}, False),
    "two codes": (
        "u1",
        np.where(HOLE, np.where(EVERY_OTHER, 255, 254), COUNTS),
        {**HALVES, "missing_value": np.array([254, 255], "u1")},
        False,
    ),
    "missing_value and _FillValue": (
        "u1",
        np.where(HOLE, np.where(EVERY_OTHER, 255, 254), COUNTS),
        {**HALVES, "missing_value": np.uint8(254)},
        255,
    ),
    "a value in dBZ": (
        "i2",
        holed(np.rint(DBZ * 100), -9900),
        {**HUNDREDTHS, "missing_value": np.float32(-99)},
        False,
    ),
    "a value in dBZ and a fill": (
        "i2",
        holed(np.rint(DBZ * 100), -9900),
        {**HUNDREDTHS, "missing_value": -99.0},
        np.int16(-9900),
    ),
    "1e20": ("f4", holed(DBZ, 1e20), {"missing_value": 1e20}, False),
    "1e300 overflows": ("f4", holed(DBZ, 1e300), {"missing_value": 1e300}, False),
    "-999.9 as double": ("f4", holed(DBZ, -999.9), {"missing_value": -999.9}, False),
    "-999.9 as text": ("f4", holed(DBZ, -999.9), {"missing_value": "-999.9"}, False),
    "-31.9 as double": ("f4", holed(DBZ, -31.9), {"missing_value": -31.9}, False),
    "a float beside doubles": (
        "f8",
        holed(DBZ, -999.9),
        {"missing_value": np.float32(-999.9)},
        False,
    ),
    "NaN": ("f4", holed(DBZ, np.nan), {}, False),
    "NaN declared": ("f4", holed(DBZ, np.nan), {}, np.nan),
    "NaN among codes": (
        "f4",
        np.where(HOLE, np.where(EVERY_OTHER, np.nan, -999), DBZ),
        {"missing_value": np.array([np.nan, -999], "f4")},
        False,
    ),
    "default fill": ("f4", holed(DBZ, netCDF4.default_fillvals["f4"]), {}, None),
    "default fill of words": ("u2", holed(COUNTS, 65535), HALVES, None),
    "an infinity": ("f4", holed(DBZ, -np.inf), {"missing_value": -np.inf}, False),
    "unsigned by name": ("i1", AS_BYTES, {**HALVES, "_Unsigned": "true"}, np.int8(-1)),
    "unsigned, in capitals": ("i1", AS_BYTES, {**HALVES, "_Unsigned": "True"}, np.int8(-1)),
    "unsigned, a wider code": (
        "i1",
        AS_BYTES,
        {**HALVES, "_Unsigned": "true", "missing_value": np.int16(255)},
        False,
    ),
    "unsigned with signed limits": (
        "i1",
        AS_BYTES,
        {**HALVES, "_Unsigned": "true", "valid_range": np.array([0, -2], "i1")},
        False,
    ),
    "unsigned words": (
        "i2",
        holed(np.rint((DBZ + 32) * 500), 65535).astype("u2").view("i2"),
        {"scale_factor": 0.002, "add_offset": -32.0, "_Unsigned": "true"},
        np.int16(-1),
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_pixels_are_those_that_were_written_as_missing(tmp_path, name):
    dtype, stored, attributes, fill = MISSING[name]
    with np.errstate(over="ignore"):
        path = field(tmp_path / "a.nc", stored, dtype, attributes, fill=fill)
    check(read_frames([path]), DBZ)


@pytest.mark.parametrize(
    "name",
    ["unsigned by name", "unsigned with signed limits", "unsigned words", "-999.9 as double"],
)
def test_classic_files_are_read_alike(tmp_path, name):
    dtype, stored, attributes, fill = MISSING[name]
    path = field(tmp_path / "a.nc", stored, dtype, attributes, fill=fill, form="NETCDF3_CLASSIC")
    check(read_frames([path]), DBZ)


@pytest.mark.parametrize("code", [999.9, 9999.9, -1.0, -999.9, 1e20, 3276.7])
@pytest.mark.parametrize("kind", [float, np.float32, str])
def test_missing_rates_are_no_rain_of_80_dbz(tmp_path, code, kind):
    path = field(
        tmp_path / "a.nc",
        holed(RATES, code),
        "f4",
        {"missing_value": kind(code)},
        units="mm/h",
    )
    check(read_frames([path]), DBZ, atol=1e-3)


LIMITS = {  # all say the same: -32 to 80 dBZ
    "floats": {"valid_range": np.array([-32, 80], "f4")},
    "doubles": {"valid_min": -32.0, "valid_max": 80.0},
    "one double": {"valid_min": -32.0},
    "text": {"valid_min": "-32.0", "valid_max": "80.0"},
    "packed": {"valid_range": np.array([-3200, 8000], "i2")},
    "packed in a wider integer": {"valid_range": np.array([-3200, 8000], "i8")},
    "packed maximum": {"valid_max": np.int16(8000)},
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("sign", [1, -1])
def test_limits_of_packed_values_in_either_unit(tmp_path, name, sign):
    limits = dict(LIMITS[name])
    if sign < 0:
        limits = {key: _turned(value) for key, value in limits.items()}
        if "maximum" in name:
            limits = {"valid_min": np.int16(-8000)}
    stored = holed(np.rint(sign * DBZ * 100), -32768)
    attributes = {"scale_factor": sign * 0.01, "add_offset": 0.0, **limits}
    path = field(tmp_path / "a.nc", stored, "i2", attributes, fill=np.int16(-32768))
    check(read_frames([path]), DBZ, atol=0.006)


def _turned(value):
    """Packed limits of a negative scale; those in dBZ stay."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "i":
        return -value[::-1]
    return value


def test_what_lies_beyond_the_limits_is_missing(tmp_path):
    strong = DBZ > 40
    for limits in ({"valid_max": 40.0}, {"valid_range": np.array([-3200, 4000], "i2")}):
        path = field(tmp_path / "a.nc", np.rint(DBZ * 100), "i2", {**HUNDREDTHS, **limits})
        check(read_frames([path]), DBZ, missing=strong, atol=0.006)


def test_a_limit_of_doubles_beside_floats_keeps_the_value_it_names(tmp_path):
    lowest = -31.1  # as float32 it is lower than as float64
    values = np.where(DRY, lowest, DBZ)
    assert float(np.float32(lowest)) < lowest
    path = field(tmp_path / "a.nc", values, "f4", {"valid_min": lowest}, fill=np.float32(-99))
    check(read_frames([path]), values, missing=np.zeros(SHAPE, bool), atol=1e-4)


CONTRADICTIONS = {
    "floating limits that are counts": (
        "u1",
        holed(COUNTS, 255),
        {**HALVES, "valid_range": np.array([0.0, 254.0])},
        255,
    ),
    "counts that are limits in dBZ": (
        "i2",
        np.rint(DBZ * 100),
        {**HUNDREDTHS, "valid_range": np.array([-32, 80], "i2")},
        False,
    ),
    "Python integers in dBZ": (
        "i2",
        np.rint(DBZ * 100),
        {**HUNDREDTHS, "valid_min": -32, "valid_max": 80},
        False,
    ),
    "limits of unsigned bytes": (
        "i1",
        holed(COUNTS + 60, 255).astype("u1").view("i1"),
        {"scale_factor": 0.5, "add_offset": -62.0, "valid_range": np.array([0, 254], "i2")},
        False,
    ),
    "unsigned bytes that are signed": (
        "u1",
        holed(COUNTS, 255),
        {**HALVES, "_Unsigned": "false"},
        255,
    ),
    "a missing value in both units": (
        "i2",
        np.where(Y == 8, -99, holed(np.rint(DBZ * 100), -9900)),
        {**HUNDREDTHS, "missing_value": -99.0},
        False,
    ),
    "dry declared missing": ("f4", DBZ, {"no_rain_value": -32.0}, np.float32(-32)),
    "a weak echo missing beside a fill": (
        "f4",
        holed(SLOPE, -9999),
        {"missing_value": np.float32(-32)},
        np.float32(-9999),
    ),
    "weak counts missing beside a fill": (
        "u1",
        holed(np.rint((SLOPE + 32) / 0.5), 255),
        {**HALVES, "missing_value": np.uint8(0)},
        255,
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_codes_that_contradict_the_data_are_refused(tmp_path, name):
    dtype, stored, attributes, fill = CONTRADICTIONS[name]
    path = field(tmp_path / "a.nc", stored, dtype, attributes, fill=fill)
    assert refused(path) == "contradicting-codes"


def test_rates_without_rain_declared_missing_are_refused(tmp_path):
    for dtype, packing in (("f4", {}), ("u2", HUNDREDTHS)):
        stored = RATES / packing.get("scale_factor", 1)
        path = field(tmp_path / "a.nc", stored, dtype, packing, units="mm/h", fill=0)
        assert refused(path) == "contradicting-codes"


@pytest.mark.parametrize(
    ("values", "units", "declared"),
    [(DBZ, "dBZ", {"no_rain_value": -32.0, "missing_value": -32.0}), (RATES, "mm/h", {})],
)
@pytest.mark.parametrize("code", [-9999.0, np.nan])
def test_dry_wins_over_missing_where_another_code_is_missing(
    tmp_path, values, units, declared, code
):
    declared = declared or {"missing_value": 0.0}
    path = field(tmp_path / "a.nc", holed(values, code), "f4", declared, units=units, fill=code)
    frames = read_frames([path])
    check(frames, DBZ, atol=1e-3)
    assert "read as dry" in frames.notes["codes"]
    assert "a.nc" not in frames.notes["codes"]


def test_a_weak_code_below_dry_pixels_is_missing(tmp_path):
    """Counts 0 and 255 are missing, 1 is dry."""
    stored = np.where(HOLE, np.where(EVERY_OTHER, 255, 0), COUNTS + 1)
    packing = {**HALVES, "add_offset": -32.5, "missing_value": np.uint8(0)}
    check(read_frames([field(tmp_path / "a.nc", stored, "u1", packing, fill=255)]), DBZ)


def test_packed_rates_whose_zero_is_rounded_are_dry(tmp_path):
    packing = {"scale_factor": 0.01, "add_offset": 0.35}
    stored = holed(np.rint((RATES - packing["add_offset"]) / packing["scale_factor"]), 32767)
    zero = np.rint(-packing["add_offset"] / packing["scale_factor"])
    assert zero * packing["scale_factor"] + packing["add_offset"] < 0
    path = field(tmp_path / "a.nc", stored, "i2", packing, units="mm/h", fill=np.int16(32767))
    check(read_frames([path]), DBZ, atol=0.4)


def test_a_missing_value_read_in_the_units_of_the_field_is_a_note(tmp_path):
    dtype, stored, attributes, fill = MISSING["a value in dBZ"]
    frames = read_frames([field(tmp_path / "a.nc", stored, dtype, attributes, fill=fill)])
    assert "in the units of the field" in frames.notes["codes"]


UNDECLARED = {
    "a full byte": ("u1", holed(COUNTS, 255), HALVES, False),
    "a full byte in weaker steps": (
        "u1",
        holed(COUNTS, 255),
        {**HALVES, "scale_factor": 0.3},
        False,
    ),
    "255 in signed bytes": (
        "i1",
        holed(np.minimum(COUNTS, 120), 255).astype("u1").view("i1"),
        {**HALVES, "missing_value": np.int16(255)},
        False,
    ),
    "the largest word": ("i2", holed(np.rint(DBZ * 100), 32767), HUNDREDTHS, False),
    "the smallest word": ("i2", holed(np.rint(DBZ * 100), -32768), {"scale_factor": 2e-3}, False),
    "-1 in unsigned words": (
        "u2",
        holed(COUNTS, 65534),
        {**HALVES, "missing_value": -2},
        np.uint16(9),
    ),
}


@pytest.mark.parametrize("name", UNDECLARED)
def test_a_value_that_may_be_an_undeclared_code_is_refused(tmp_path, name):
    dtype, stored, attributes, fill = UNDECLARED[name]
    path = field(tmp_path / "a.nc", stored, dtype, attributes, fill=fill)
    assert refused(path) == "undeclared-code"


def test_a_full_byte_that_is_declared_valid_is_rain(tmp_path):
    stored = np.where(DBZ > 40, 255, COUNTS)
    limits = {"scale_factor": 0.3, "add_offset": -32.0, "valid_max": np.uint8(255)}
    frames = read_frames([field(tmp_path / "a.nc", stored, "u1", limits)])
    assert not frames.missing.any()
    assert frames.reflectivity_dbz.max() == pytest.approx(255 * 0.3 - 32)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        *((code, "range") for code in (9999.0, 9999.9, 2281.0, -1.0, -9999.0, 1e20)),
        *((code, "undeclared-code") for code in (999.9, 655.35, 327.67)),
    ],
)
def test_undeclared_rates_are_refused_and_the_attribute_is_named(tmp_path, code, rule):
    path = field(tmp_path / "a.nc", holed(RATES, code), "f4", {}, units="mm/h")
    assert refused(path) == rule
    with pytest.raises(ContractViolation, match="_FillValue"):
        read_frames([path])


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        *((code, "range") for code in (-999.0, -99.0, -9999.0, 95.5, 255.0)),
        *((code, "undeclared-code") for code in (72.0, 90.0)),
    ],
)
@pytest.mark.parametrize("fill", [False, np.nan])
def test_undeclared_reflectivity_is_refused_and_the_attribute_is_named(tmp_path, code, rule, fill):
    path = field(tmp_path / "a.nc", holed(DBZ, code), "f4", {}, fill=fill)
    assert refused(path) == rule
    with pytest.raises(ContractViolation, match="_FillValue"):
        read_frames([path])


def test_single_strong_pixels_are_hail_or_clutter_not_a_code(tmp_path):
    values = DBZ.copy()
    values[:, 12, 5:12] = 75
    check(read_frames([field(tmp_path / "a.nc", values, "f4", {})]), values, np.zeros(SHAPE, bool))


@pytest.mark.parametrize("rate", [1205.22, 2280.0])  # the first is the most of an OPERA composite
def test_strong_rates_that_rain_can_reach_are_read(tmp_path, rate):
    rates = RATES.copy()
    rates[0, 10, 9] = rate
    frames = read_frames([field(tmp_path / "a.nc", rates, "f4", {}, units="mm/h")])
    assert frames.reflectivity_dbz.max() == ZR().reflectivity_dbz(rate)


@pytest.mark.parametrize("low", [-35.0, -45.0, -64.0])
def test_clear_air_below_the_floor_is_dry(tmp_path, low):
    values = DBZ.copy()
    values[:, 2:4, 2:6] = low
    frames = read_frames([field(tmp_path / "a.nc", values, "f4", {})])
    assert not frames.missing.any()
    assert frames.no_rain_dbz == low


DRY_CODES = [("f4", -64.0, {}), ("f4", -99.9, {}), ("f8", -9999.9, {}), ("i2", -99.99, HUNDREDTHS)]
SINGLE = {"scale_factor": np.float32(0.01), "add_offset": np.float32(0)}


@pytest.mark.parametrize(("dtype", "code", "packing"), [*DRY_CODES, ("i2", -99.99, SINGLE)])
def test_the_dry_value_is_compared_as_stored(tmp_path, dtype, code, packing):
    stored = np.where(DRY, code, DBZ)
    if packing:
        stored = np.rint(stored * 100)
    path = field(tmp_path / "a.nc", stored, dtype, {**packing, "no_rain_value": code})
    frames = read_frames([path])
    floor = code if code >= -70 else -32.0
    check(frames, np.where(DRY, floor, DBZ), np.zeros(SHAPE, bool), atol=0.006)
    assert (frames.reflectivity_dbz[DRY] == np.float32(frames.no_rain_dbz)).all()


@pytest.mark.parametrize(
    ("dtype", "packing", "codes"),
    [("u1", HALVES, (255, 0)), ("f4", {}, (-9999.0, -8888.0)), ("f8", {}, (np.nan, -8888000.0))],
)
def test_the_undetect_of_odim_is_dry_where_other_tools_hand_it_on(tmp_path, dtype, packing, codes):
    stored = holed(COUNTS if packing else np.where(DRY, codes[1], DBZ), codes[0])
    given = {**packing, "_Undetect": float(codes[1])}
    check(read_frames([field(tmp_path / "a.nc", stored, dtype, given, fill=codes[0])]), DBZ)
    field(tmp_path / "a.nc", holed(stored, codes[1]), dtype, given, fill=codes[1])
    assert refused(tmp_path / "a.nc") == "contradicting-codes"


def test_an_undetect_that_could_be_an_echo_is_dry_all_the_same(tmp_path):
    """0 dBZ is a value among others, but the writer says that these pixels had no echo."""
    stored, packing = np.where(DRY, 64, COUNTS), {**HALVES, "_Undetect": 64.0}
    weak = np.zeros(SHAPE, bool)
    weak[0, 12, 9:11] = True
    stored[weak] = 44  # -10 dBZ, weaker than what undetect would be as a value
    frames = read_frames([field(tmp_path / "a.nc", holed(stored, 255), "u1", packing, fill=255)])
    truth = np.where(weak, -10.0, DBZ)
    check(frames, truth)
    assert frames.no_rain_dbz == -32
    floored = {**packing, "no_rain_value": -12.0}
    frames = read_frames([field(tmp_path / "b.nc", holed(stored, 255), "u1", floored, fill=255)])
    assert frames.no_rain_dbz == -12
    assert (frames.reflectivity_dbz[DRY & ~weak & ~frames.missing] == -12).all()


def test_minus_infinity_that_is_declared_dry_is_dry(tmp_path):
    """As 10 log10(0) leaves it."""
    values = np.where(DRY, -np.inf, DBZ)
    path = field(tmp_path / "a.nc", values, "f4", {"no_rain_value": -np.inf})
    check(read_frames([path]), DBZ, np.zeros(SHAPE, bool), atol=1e-4)
    path = field(tmp_path / "a.nc", values, "f4", {})
    with pytest.raises(ContractViolation, match=r"10 log10\(0\)"):
        read_frames([path])


@pytest.mark.parametrize("units", ["dBZ", "mm/h"])
@pytest.mark.parametrize("value", [np.nan, "none", np.array([0.0, 1.0])])
def test_a_dry_value_must_be_a_number(tmp_path, units, value):
    path = field(tmp_path / "a.nc", np.full(SHAPE, 7), "f4", {"no_rain_value": value}, units=units)
    assert refused(path) == "no-rain-value"


def test_a_floor_above_weaker_echoes_would_make_rain_dry(tmp_path):
    path = field(tmp_path / "a.nc", DBZ, "f4", {"no_rain_value": 30.0})
    assert refused(path) == "no-rain-value"
    values = np.where(DRY, 12, np.maximum(DBZ, 12))
    path = field(tmp_path / "a.nc", values, "f4", {"no_rain_value": 12.0})
    assert read_frames([path]).no_rain_dbz == 12


def test_a_dry_code_of_rates_is_dry(tmp_path):
    values = np.where(DRY, -1, RATES)
    path = field(tmp_path / "a.nc", values, "f4", {"no_rain_value": -1.0}, units="mm/h")
    check(read_frames([path]), DBZ, np.zeros(SHAPE, bool), atol=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_plain_files_are_read_as_the_netcdf_library_reads_them(tmp_path, seed):
    """Where attributes have the type of the data, the library is an independent judge."""
    random = np.random.default_rng(seed)
    dtype = str(random.choice(["u1", "i2", "u2", "i4", "f4", "f8"]))
    packing = (
        {} if dtype[0] == "f" else {**HALVES, "scale_factor": float(random.choice([0.5, 0.25]))}
    )
    stored = random.integers(0, 160, SHAPE).astype(dtype)
    code = np.array(random.integers(161, 200), dtype)[()]
    stored[HOLE] = code
    limits = np.array([random.integers(0, 20), 160], dtype)
    attributes = {**packing, "valid_range": limits} if random.random() < 0.5 else packing
    path = field(tmp_path / "a.nc", stored, dtype, attributes, fill=code)
    with netCDF4.Dataset(path) as dataset:
        judge = np.ma.filled(np.ma.asarray(dataset["field"][:], dtype="f4"), np.nan)
    if np.nanmax(judge) > 95:
        assert refused(path) == "range"
    else:
        np.testing.assert_array_equal(read_frames([path]).reflectivity_dbz, judge)


@pytest.mark.parametrize("value", [np.array([-999.9]), np.bytes_("-999.9"), "-999.9 "])
def test_attributes_that_other_libraries_write(tmp_path, value):
    path = field(tmp_path / "a.nc", holed(DBZ, -999.9), "f4", {})
    with h5py.File(path, "a") as file:
        file["field"].attrs["missing_value"] = value
    check(read_frames([path]), DBZ)
