"""Layers: what of a frame or of a forecast file is shown on a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.cf_layout import open_fields
from echocast.model.grid import FloatArray
from echocast.model.imagery.codes import (
    NOT_OBSERVED,
    Codes,
    dbz_codes,
    outcome_codes,
    percent_codes,
    with_untraceable,
)
from echocast.model.imagery.image_file import sampling
from echocast.model.imagery.names import (
    DIFFERENCE,
    DIFFERENCE_DBZ,
    EXPECTED,
    EXTRAPOLATION,
    RAIN,
    THRESHOLDS_DBZ,
    probability_layer,
)
from echocast.model.quantisation import unpacked_dbz, unpacked_probability

REFLECTIVITIES: Final = {
    RAIN: "reflectivity",
    EXPECTED: "reflectivity_expected",
    EXTRAPOLATION: "reflectivity_extrapolation",
}


def observed_layers(reflectivity_dbz: FloatArray) -> dict[str, Codes]:
    """The layer of an observed frame (y, x) in dBZ, NaN where missing."""
    every = sampling(reflectivity_dbz.shape)
    return {RAIN: dbz_codes(reflectivity_dbz[None, ::every, ::every])}


def forecast_layers(path: Path, observed: NDArray[np.bool_]) -> dict[str, Codes]:
    """The layers of a forecast file, one lead time of one layer in memory at a time.

    Args:
        path: A file that :func:`.forecast_writer.write_forecast` wrote.
        observed: (y, x), what the radar saw at the reference time.

    Raises:
        UnreadableInput: The file is damaged.
    """
    every = sampling(observed.shape)
    sampled = observed[::every, ::every]
    with open_fields(path) as fields:
        layers = {
            layer: _coded(fields[name], _dbz_table(), every)
            for layer, name in REFLECTIVITIES.items()
            if name in fields
        }
        layers |= dict(_probabilities(fields, every))
    return {layer: with_untraceable(codes, sampled) for layer, codes in layers.items()}


def difference_layer(
    path: Path, valid_time: datetime, observed_dbz: FloatArray
) -> dict[str, Codes]:
    """The layer of what became of a forecast: hits, misses and false alarms.

    Args:
        path: A file that :func:`.forecast_writer.write_forecast` wrote.
        valid_time: One of its valid times.
        observed_dbz: (y, x), the frame of that time, NaN where missing.

    Raises:
        UnreadableInput: The file is damaged.
    """
    every = sampling(observed_dbz.shape)
    with open_fields(path) as fields:
        lead = int(np.flatnonzero(fields["time"][...] == valid_time.timestamp())[0])
        forecast = unpacked_dbz(fields["reflectivity"][lead][::every, ::every])
    codes = outcome_codes(forecast, observed_dbz[::every, ::every], DIFFERENCE_DBZ)
    return {DIFFERENCE: codes[None]}


def _probabilities(fields: Mapping[str, Any], every: int) -> Iterator[tuple[str, Codes]]:
    if "exceedance_probability" not in fields:
        return
    for index, threshold in enumerate(np.asarray(fields["threshold"][...])):
        if threshold in THRESHOLDS_DBZ:
            plane = fields["exceedance_probability"]
            codes = _coded(plane, _percent_table(), every, index)
            yield probability_layer(threshold), codes


def _coded(field: Any, table: Codes, every: int, *first: int) -> Codes:
    """Codes (time, y, x) of packed values, by a table of all values there are."""
    leads, height, width = field.shape[-3:]
    codes = np.full((leads, -(-height // every), -(-width // every)), NOT_OBSERVED, np.uint8)
    for lead in range(leads):
        counts = np.ascontiguousarray(field[(*first, lead)][::every, ::every])
        codes[lead] = table[counts.view(np.dtype(f"u{counts.itemsize}"))]
    return codes


@cache
def _dbz_table() -> Codes:
    """The code of every count of .01 dBZ, at the place of its bits."""
    return dbz_codes(unpacked_dbz(np.arange(2**16, dtype=np.uint16).view(np.int16)))


@cache
def _percent_table() -> Codes:
    """The code of every count of .004."""
    return percent_codes(unpacked_probability(np.arange(2**8, dtype=np.uint8).view(np.int8)))
