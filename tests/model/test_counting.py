"""What is counted of a forecast by its role."""

from datetime import UTC, datetime

import numpy as np

from model.formats.cf_lead import ForecastLead
from model.judging.counting import count

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_challenger_brings_its_own_reference() -> None:
    """Of the same extrapolation as the model's: in the frames of both they are equal."""
    said, moved, still, seen = np.random.default_rng(1).uniform(0, 60, (4, 32, 32))
    lead = ForecastLead(NOON, *(field.astype(np.float32) for field in (said, moved, still)))
    alone = count(lead, seen.astype(np.float32), ("challenger",), 30, 1.0)
    served = count(lead, seen.astype(np.float32), ("model",), 30, 1.0)
    assert {name.partition("|")[0] for name in alone} == {
        "forecasts",
        "challenger",
        "decoded_beside_challenger",
    }
    for threshold in (20, 30, 40, 50):
        reference = alone[f"decoded_beside_challenger|{threshold}"]
        assert reference == served[f"decoded_extrapolation|{threshold}"]
        assert alone[f"challenger|{threshold}"] == served[f"model|{threshold}"] != reference
    assert not [name for name in served if "challenger" in name]
