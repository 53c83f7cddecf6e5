"""Units of radar fields: UDUNITS (by cf-units) judges what is a rate or an amount, and how much."""

from datetime import timedelta

import cf_units
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.units import radar_unit
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import raw_netcdf

RATES = """mm/h|mm h-1|mm h^-1|mm h**-1|mm.h-1|mm*h-1|mm*h^-1|mm/hr|mm hr-1|millimeter/hour|mm / h
millimetres per hour|mm per hour|mm hour-1|mm/hours|mm min-1|mm/sec|mm/day|mm d-1|mm week-1|mm/year
mm/month|cm/h|um/s|µm/s|dm/h|m s-1|m.s-1|m h-1|1e-3 m h-1|10^-3 m h-1|0.1 mm/h|mm h-1 0.1|12 mm h-1
hour-1 mm|(mm)/(h)|(mm/h)|mm(h)-1|mm/(5 min)|mm (5 min)-1|mm/min/5|mm^1 h^-1|mm+1 h-1|in/hr|in h-1
inches h-1|inch/hour|ft/h|m3 m-2 s-1|l m-2 h-1|L/m2/h|kg m-2 s-1|kg m**-2 s**-1|kg/(m2 s)|kg/m2/s
kg/m^2/s|kg/m²/s|kg.m-2.s-1|kg m-2 h-1|kg h-1 m-2|g m-2 s-1|kg m-2 d-1|t/m2/h|1/3600 kg m-2 s-1
mm/ks| mm/h |mm  h-1""".replace("\n", "|").split("|")
AMOUNTS = """mm|millimeters|0.01 mm|.01 mm|1e-2 mm|0.1mm|1/10mm|1/100 mm|mm/100|mm.2|mm 1e-2|100*mm
cm|m|inches|kg m-2|kg/m2|kg/m**2|kg m^-2|kg*m-2|l m-2|um""".replace("\n", "|").split("|")
OTHERS = """K|m s-2|Pa s-1|mm h|1|5|h|mm6 m-3|dBR|dB|decibel|degrees_north|%|1/h|mm h-1 mm h-1
mm h--1|m2|s|kg|kg m-3|mmh-1|mmph|mm_per_hour|mm//h|mm[|()|(((|mm*|nan mm|inf mm|1e400 mm/h|0 mm/h
-1 mm/h|1/0 mm|mm/0min|9**9**9**9**9|(((((9**9)**9)**9)**9)**9)|mm**1e9|__import__('os')|lambda
2cm -1mm|mm + mm|mm - 1|mm;h|tenths of mm|mm x 100|mm 5min-1|Mm/h|Mg m-2 s-1|mm/5.5.5min
mm/5 apples"""


def judged(text: str, *targets: str) -> float | None:
    """What cf-units makes of one unit, in mm/h or mm; 1 kg m-2 of water is 1 mm."""
    unit = cf_units.Unit(text)
    for target in targets:
        if unit.is_convertible(cf_units.Unit(target)):
            return float(unit.convert(1.0, cf_units.Unit(target)))
    return None


@pytest.mark.parametrize("text", RATES)
def test_rates_are_those_of_udunits(text: str) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert (unit.kind, unit.interval) == ("rate", None)
    assert unit.factor == pytest.approx(judged(text, "mm h-1", "kg m-2 h-1"), rel=1e-12)


@pytest.mark.parametrize("text", AMOUNTS)
def test_amounts_are_those_of_udunits(text: str) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert (unit.kind, unit.interval) == ("amount", None)
    assert unit.factor == pytest.approx(judged(text, "mm", "kg m-2"), rel=1e-12)


@pytest.mark.parametrize("text", OTHERS.replace("\n", "|").split("|"))
def test_everything_else_is_no_unit_of_rain(text: str) -> None:
    assert radar_unit(text) is None


@pytest.mark.parametrize("text", ["m s-1", "km/h", "m h-1", "cm/s", "m", "kg m-2"])
def test_a_unit_that_may_be_of_something_else_does_not_make_a_field(text: str) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert not unit.of_rain


@pytest.mark.parametrize(
    ("text", "millimetres", "minutes"),
    [
        ("mm/5min", 1, 5),
        ("mm / 5 min", 1, 5),
        ("mm per 10 minutes", 1, 10),
        ("0.01 mm/5min", 0.01, 5),
        ("kg m-2/10min", 1, 10),
        ("mm/300s", 1, 5),
        ("mm/0.25 h", 1, 15),
        ("mm/1h", 1, 60),
    ],
)
def test_a_unit_may_name_its_interval(text: str, millimetres: float, minutes: float) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert (unit.kind, unit.factor) == ("amount", millimetres)
    assert unit.interval == timedelta(minutes=minutes)
    assert f"{minutes:g} minutes" in unit.note
    with pytest.raises(ValueError, match="Unable to convert"):
        cf_units.Unit(text).convert(1.0, "mm h-1")  # to UDUNITS it is no rate that this contradicts


@pytest.mark.parametrize(
    ("text", "read"),
    [("MM/H", "mm/h"), ("mm/Hr", "mm/hr"), ("KG M-2 S-1", "kg m-2 s-1"), ("Kg/m2", "kg/m2")],
)
def test_capitals_are_read_with_a_note(text: str, read: str) -> None:
    unit, plain = radar_unit(text), radar_unit(read)
    assert unit is not None
    assert plain is not None
    assert (unit.kind, unit.factor) == (plain.kind, plain.factor)
    assert repr(read) in unit.note


@pytest.mark.parametrize("text", ["mm h⁻¹", "mm·h⁻¹", "mm h−1"])
def test_typeset_units_are_read(text: str) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert (unit.kind, unit.factor) == ("rate", 1)


@pytest.mark.parametrize("text", ["dBZ", "DBZ", "dbz", "dBz", "dbZ", "dBZe", "dBZE", " dBZ "])
def test_dbz_in_every_spelling(text: str) -> None:
    unit = radar_unit(text)
    assert unit is not None
    assert (unit.kind, unit.note) == ("reflectivity", "")


@pytest.mark.parametrize("text", ["dB", "decibel", "decibels"])
def test_decibels_of_a_reflectivity_are_dbz(tmp_path, text: str) -> None:
    name = "equivalent_reflectivity_factor"
    path = raw_netcdf(tmp_path / "a.nc", np.full((1, 16, 16), 30.0), units=text, standard_name=name)
    frames = read_netcdf(path)
    assert frames.reflectivity_dbz.max() == 30
    assert "was read as dBZ" in frames.notes["units"]


def test_the_unit_decides_where_the_standard_name_disagrees(tmp_path) -> None:
    path = raw_netcdf(
        tmp_path / "a.nc", np.full((1, 16, 16), 8.0), units="mm/h", standard_name="rainfall_amount"
    )
    frames = read_netcdf(path)
    np.testing.assert_allclose(frames.reflectivity_dbz, ZR().reflectivity_dbz(8.0))
    assert "'rainfall_amount' and the units 'mm/h' disagree" in frames.notes["units"]


@pytest.mark.parametrize("text", ["mm6 m-3", "dBR", "mmph", "K"])
def test_a_refusal_says_what_is_accepted(tmp_path, text: str) -> None:
    path = raw_netcdf(tmp_path / "odd.nc", np.zeros((1, 16, 16)), units=text)
    with pytest.raises(ContractViolation, match=r"dBZ, a rain rate.*odd\.nc") as caught:
        read_netcdf(path, variable="field")
    assert caught.value.rule == "units"
    assert text in str(caught.value)
