"""Values as small integers, whatever type they come in."""

from __future__ import annotations

import numpy as np

from echocast.model.quantisation import PROBABILITY_MISSING, packed_probability


def test_every_probability_in_half_precision_is_packed_as_the_number_that_it_is() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    probabilities = halves[(halves >= 0) & (halves <= 1)]
    exact = packed_probability(probabilities.astype(np.float32))
    np.testing.assert_array_equal(packed_probability(probabilities), exact)
    assert packed_probability(np.array([np.nan], np.float16)) == [PROBABILITY_MISSING]
    assert len(np.unique(exact)) == 251
