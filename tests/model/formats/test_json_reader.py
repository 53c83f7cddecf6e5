import json
from typing import Any

import numpy as np
import pytest

from echocast.model.errors import ContractViolation, InputTooLarge, UnreadableInput
from echocast.model.formats.json_reader import read_json
from echocast.model.reflectivity import ZR

TIMES = ["2026-07-01T12:00:00Z", "2026-07-01T14:05:00+02:00"]


def body(**changes: Any) -> bytes:
    value = {
        "frames": [[[0, 10.5, None], [20, 30, 40]], [[1, 2, 3], [4, 5, 6]]],
        "times": TIMES,
        "units": "dBZ",
        **changes,
    }
    return json.dumps({name: item for name, item in value.items() if item is not ...}).encode()


def rule_of(data: bytes) -> str:
    with pytest.raises(ContractViolation) as caught:
        read_json(data)
    assert str(caught.value).endswith(".")
    return caught.value.rule


def test_numbers_and_nulls_become_frames():
    frames = read_json(body())
    np.testing.assert_array_equal(frames.reflectivity_dbz[0], [[0, 10.5, np.nan], [20, 30, 40]])
    assert [t.isoformat() for t in frames.times] == [
        "2026-07-01T12:00:00+00:00",
        "2026-07-01T12:05:00+00:00",
    ]
    assert frames.grid.units == "1"
    assert frames.no_rain_dbz == 0


def test_rain_rates_with_their_relation():
    frames = read_json(body(units="mm/h", zr={"a": 316, "b": 1.5}))
    assert frames.reflectivity_dbz[1, 0, 0] == ZR(316, 1.5).reflectivity_dbz(1.0)
    assert frames.reflectivity_dbz[0, 0, 0] == frames.no_rain_dbz == -32


def test_the_relation_of_reflectivities_is_checked_and_carried_on():
    frames = read_json(body(zr={"a": 316, "b": 1.5}))
    assert (frames.attributes["zr_a"], frames.attributes["zr_b"]) == ("316.0", "1.5")
    assert rule_of(body(zr={"a": "many", "b": 1.5})) == "zr"
    assert rule_of(body(zr=7)) == "zr"


def test_a_declared_floor_is_the_value_of_dry_pixels():
    assert read_json(body(no_rain_dbz=-19.5)).no_rain_dbz == -19.5
    assert read_json(body(no_rain_dbz=5)).no_rain_dbz == 5
    for wrong in ("dry", True, -99, 1e9, [0]):
        assert rule_of(body(no_rain_dbz=wrong)) == "no-rain-value"
    assert rule_of(body(units="mm/h", no_rain_dbz=0)) == "no-rain-value"


def test_a_grid_with_projection():
    crs = {
        "grid_mapping_name": "polar_stereographic",
        "standard_parallel": 60.0,
        "straight_vertical_longitude_from_pole": 25,
    }
    frames = read_json(body(grid={"y": [2, 1], "x": [0, 1, 2], "units": "km", "crs": crs}))
    assert frames.grid.pixel_size_km == 1
    assert frames.grid.crs["standard_parallel"] == 60
    assert frames.grid.crs["latitude_of_projection_origin"] == 90


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"hello", b'{"frames": [1e]}']
)
def test_what_is_not_json_is_unreadable(data):
    with pytest.raises(UnreadableInput, match="not JSON"):
        read_json(data)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"[]", "json-shape"),
        (body(frames=[]), "frames-missing"),
        (body(frames=...), "frames-missing"),
        (body(times=...), "times-missing"),
        (body(units=...), "units-missing"),
        (body(units="K"), "units"),
        (body(colour="red"), "unknown-field"),
        (body(frames=[1, 2]), "json-shape"),
        (body(frames=[[[]], [[]]]), "json-shape"),
        (body(frames=[[[1, 2], [3]], [[1, 2], [3, 4]]]), "shape"),
        (body(frames=[[[1, 2]], [[1, 2], [3, 4]]]), "shape"),
        (body(frames=[[[1, 2]], 7]), "shape"),
        (body(frames=[[[1, 2], 3], [[1, 2], [3, 4]]]), "shape"),
        (body(frames=[[[1, "2"]], [[1, 2]]]), "data-type"),
        (body(frames=[[[1, True]], [[1, 2]]]), "data-type"),
        (body(frames=[[[1, {}]], [[1, 2]]]), "data-type"),
        (body(frames=[[[1, float("nan")]], [[1, 2]]]), "infinite-value"),
        (body(frames=[[[1, float("inf")]], [[1, 2]]]), "infinite-value"),
        (body(frames=[[[1, 2]], [[1, 777]]]).replace(b"777", b"1e400"), "infinite-value"),
        (body(frames=[[[1, 2]], [[1, 10**400]]]), "range"),
        (body(times=TIMES[:1]), "shape"),
        (body(times=TIMES[::-1]), "time-order"),
        (body(times=TIMES[:1] * 2), "time-order"),
        (body(times=["noon", "one"]), "time-units"),
        (body(times=[0, 300]), "time-units"),
        (body(times=["0001-01-01T00:00:00+14:00", TIMES[1]]), "time-units"),
        (body(times=["2026-07-01T12:00:00", TIMES[1]]), "time-zone"),
        (body(units="mm/h", zr={"a": 200}), "zr"),
        (body(units="mm/h", zr={"a": 200, "b": 0}), "zr"),
        (body(units="mm/h", zr={"a": [1], "b": 1}), "zr"),
        (body(units="mm/h", frames=[[[-1]], [[1]]]), "range"),
    ],
)
def test_refusals(data, rule):
    assert rule_of(data) == rule


GRID = {"y": [2, 1], "x": [0, 1, 2], "units": "km"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"y": [3, 2, 1]}, "shape"),
        ({"y": [1, 1]}, "grid-spacing"),
        ({"x": [0, 1, 10**400]}, "grid-spacing"),
        ({"y": "ab"}, "grid"),
        ({"y": [1, None]}, "grid"),
        ({"units": "rad"}, "grid-units"),
        ({"more": 1}, "grid"),
        ({"crs": 7}, "grid"),
        ({"crs": {"a b": 1}}, "grid"),
        ({"crs": {"_FillValue": 1}}, "grid"),
        ({"crs": {"name": {"nested": 1}}}, "grid"),
        ({"crs": {"name": 2**80}}, "grid"),
        ({"crs": {"name": "\u0000"}}, "grid"),
        ({"crs": {"name": []}}, "grid"),
        ({"crs": {"grid_mapping_name": "flat_earth"}}, "grid-mapping"),
        ({"crs": {"grid_mapping_name": [1.0]}}, "grid-mapping"),
        ({"crs": {"semi_major_axis": 6371000.0}}, "grid-mapping"),
    ],
)
def test_grids_that_are_none(change, rule):
    assert rule_of(body(grid={**GRID, **change})) == rule


def test_a_grid_of_words_is_refused():
    assert rule_of(body(grid="europe")) == "grid"


def test_too_large_a_grid_is_refused():
    row = [0] * 9000
    with pytest.raises(InputTooLarge, match="9000 pixels along a side"):
        read_json(body(frames=[[row]], times=TIMES[:1]))


@pytest.mark.parametrize(
    "data",
    [
        body().replace(b"{", b'{"units": "mm/h", ', 1),
        body(zr={"a": 200, "b": 1.6}).replace(b'"a"', b'"b": 1, "a"'),
        body(frames=[[[{"a": 1}]]]).replace(b'{"a"', b'{"a": 2, "a"'),
    ],
)
def test_a_name_that_occurs_twice_is_refused(data):
    """Two ``units``: the last one won, and dBZ became mm/h."""
    assert rule_of(data) == "json-duplicate"


@pytest.mark.parametrize("number", [True, "200", [200], None, 10**400])
def test_a_relation_of_other_things_than_numbers_is_refused(number):
    assert rule_of(body(zr={"a": number, "b": 1.6})) == "zr"


@pytest.mark.parametrize("time", [0.5, 1782907200, "1782907200", True, None])
def test_times_are_no_numbers(time):
    assert rule_of(body(times=[time])) == "time-units"


def holed(code, units, top=40.0):
    """Two frames of rain with a hole that holds a code."""
    rain = np.linspace(0, top, 400).reshape(20, 20).tolist()
    frames = [[[code] * 4 + row[4:] for row in rain] for _ in TIMES]
    return body(frames=frames, units=units)


@pytest.mark.parametrize(
    ("code", "units", "rule"),
    [
        *((code, "dBZ", "range") for code in (-999, -99.9, 95.5, 255, 9999)),
        (72, "dBZ", "undeclared-code"),
        *((code, "mm/h", "range") for code in (-1, -999.9, 9999, 3276.7)),
        (999.9, "mm/h", "undeclared-code"),
    ],
)
def test_codes_for_missing_are_refused_and_null_is_named(code, units, rule):
    assert rule_of(holed(code, units)) == rule
    with pytest.raises(ContractViolation, match="null"):
        read_json(holed(code, units))
    assert read_json(holed(None, units)).missing.sum() == 160


def test_clear_air_is_dry():
    assert read_json(holed(-64, "dBZ")).no_rain_dbz == -64
    assert read_json(body(no_rain_dbz=-64)).no_rain_dbz == -64


def test_a_floor_above_weaker_echoes_would_make_rain_dry():
    assert rule_of(body(no_rain_dbz=20)) == "no-rain-value"


def test_frames_of_null_alone_have_a_finite_floor():
    nothing = [[[None, None], [None, None]]] * 2
    assert read_json(body(frames=nothing)).no_rain_dbz == 0
