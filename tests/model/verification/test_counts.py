"""One array of counts that adds, and the same counts by name."""

import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.verification import counts as words
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    ContingencyCounts,
    added,
    count_events,
    csi,
    reliability,
    union,
)

METHODS, THRESHOLDS, LEADS = ("model", "persistence"), (30.0, 40.0), (5.0, 7.5, 10.0)


def counts_of(seed: int, leads: tuple[float, ...] = LEADS) -> ContingencyCounts:
    values = np.random.default_rng(seed).integers(0, 100, (2, 2, len(leads), 4))
    return ContingencyCounts(METHODS, THRESHOLDS, leads, values)


def test_every_list_of_thresholds_is_part_of_the_whole_list() -> None:
    for name in ("STREAM", "FORECAST", "FRACTIONS"):
        assert set(getattr(words, f"{name}_THRESHOLDS_DBZ")) < set(words.THRESHOLDS_DBZ)


def test_the_table_of_the_sum_is_the_sum_of_the_tables() -> None:
    first, second = counts_of(1), counts_of(2)
    both = first + second
    for lead in (None, 1):
        parts = (counts.table("persistence", 40.0, lead) for counts in (first, second))
        assert both.table("persistence", 40.0, lead) == sum(parts, ContingencyTable())
    leads = (both.table("model", 30.0, k) for k in range(3))
    assert both.table("model", 30.0) == sum(leads, ContingencyTable())


def test_counts_of_other_leads_do_not_add_and_are_not_equal() -> None:
    with pytest.raises(ContractViolation, match="leads agree"):
        counts_of(1) + counts_of(1, LEADS[:2])
    assert counts_of(1) != counts_of(1, LEADS[:2])
    assert counts_of(1) != counts_of(2)
    assert counts_of(1) == counts_of(1)
    assert counts_of(1) != 1


def test_counts_come_back_from_their_names_which_add_alike() -> None:
    first, second = counts_of(1), counts_of(2)
    named = first.to_named()
    assert named["7.5|model|40"] == first.values[0, 1, 1].tolist()
    assert ContingencyCounts.of_named(named, *first.layout) == first
    total = added([named, second.to_named(), {"5|forecasts|model": [1]}])
    assert ContingencyCounts.of_named(total, *first.layout) == first + second
    nothing = ContingencyCounts.of_named({}, METHODS, THRESHOLDS, ())
    assert nothing.table("model", 30.0) == ContingencyTable()


def test_events_are_counted_on_the_valid_pixels() -> None:
    random = np.random.default_rng(3)
    forecasts = random.random((2, 3, 8, 9)) < 0.4
    observed, valid = random.random((3, 8, 9)) < 0.4, random.random((8, 9)) < 0.7
    values = count_events(forecasts, observed, valid)
    assert values.shape == (2, 3, 4)
    assert (values.sum(-1) == valid.sum()).all()
    assert values[1, 2, 0] == (forecasts[1, 2] & observed[2] & valid).sum()
    assert (values == count_events(forecasts[..., valid], observed[..., valid])).all()


def test_the_index_of_an_array_is_that_of_its_tables() -> None:
    counts = counts_of(4)
    counts.values[0, 0, 0] = 0, 0, 0, 7
    index = csi(counts.values)
    assert np.isnan(index[0, 0, 0])
    assert index[1, 1, 2] == counts.table("persistence", 40.0, 2).critical_success_index
    assert union(counts.values)[0, 0, 0] == 0
    assert (csi(counts.values[..., :3]) == index)[~np.isnan(index)].all()


def test_classes_of_probability_add_over_leads() -> None:
    first, second = np.arange(20), 7 * np.arange(20)
    counts = {
        "5|reliability|30": first.tolist(),
        "10|reliability|30": second.tolist(),
        "15|reliability|30": [9] * 20,
    }
    total = reliability(counts, 30.0, (5.0, 10.0, 20.0))
    assert np.array_equal(total, (first + second).reshape(2, 10).T)
    assert reliability(counts, 40.0, (5.0, 10.0)) == []
