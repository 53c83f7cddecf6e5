import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.reflectivity import ZR


def test_marshall_palmer_at_one_millimetre_an_hour_is_23_dbz():
    assert ZR().reflectivity_dbz(1.0) == pytest.approx(23.01, abs=0.005)


def test_fifty_millimetres_an_hour_is_about_50_dbz():
    assert ZR().reflectivity_dbz(50.0) == pytest.approx(50.2, abs=0.05)


def test_there_and_back():
    rates = np.array([0.1, 1, 10, 100], np.float32)
    for relation in (ZR(), ZR(316, 1.5), ZR(223, 1.53)):
        back = relation.rain_rate_mm_h(relation.reflectivity_dbz(rates))
        np.testing.assert_allclose(back, rates, rtol=1e-5)


def test_no_rain_is_the_floor_and_missing_stays_missing():
    dbz = ZR().reflectivity_dbz([0.0, np.nan])
    assert dbz[0] == -32
    assert np.isnan(dbz[1])
    rates = ZR().rain_rate_mm_h([-32.0, np.nan])
    assert rates[0] == 0
    assert np.isnan(rates[1])


def test_negative_rates_are_refused():
    with pytest.raises(ContractViolation, match="one is -3 mm/h") as caught:
        ZR().reflectivity_dbz([1.0, -3.0])
    assert caught.value.rule == "range"


def test_negative_rates_of_rounding_are_dry():
    dbz = ZR().reflectivity_dbz([-3.6e-15, -0.004, 0.0, np.nan])
    np.testing.assert_array_equal(dbz, [-32, -32, -32, np.nan])


@pytest.mark.parametrize("rate", [2280.5, 9999.0, 1e20])
def test_rates_above_what_rain_can_be_are_refused(rate):
    with pytest.raises(ContractViolation, match="38 mm in a minute") as caught:
        ZR().reflectivity_dbz([1.0, rate])
    assert caught.value.rule == "range"


def test_infinite_rates_are_left_to_frames():
    assert np.isinf(ZR().reflectivity_dbz([1.0, np.inf])[1])


@pytest.mark.parametrize("pair", [(0, 1.6), (200, -1), (float("nan"), 1), (200, float("inf"))])
def test_a_relation_needs_positive_numbers(pair):
    with pytest.raises(ContractViolation, match="positive numbers"):
        ZR(*pair)


def test_a_relation_of_words_is_refused():
    with pytest.raises(ContractViolation, match="needs numbers") as caught:
        ZR.of_attributes({"zr_a": "plenty", "zr_b": "1.6"})
    assert caught.value.rule == "zr"


def test_attributes_choose_the_relation():
    assert ZR.of_attributes({"zr_a": "316", "zr_b": 1.5}) == ZR(316, 1.5)
    assert ZR.of_attributes({}) == ZR(200, 1.6)
