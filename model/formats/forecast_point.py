"""A forecast file at one pixel, or in a part: only the chunks that hold it are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from echocast.model.formats.cf_layout import open_fields
from echocast.model.formats.forecast_storage import NOT_STORED, not_stored_words
from echocast.model.formats.lead_source import read_lead_sources
from echocast.model.grid import FloatArray
from echocast.model.horizon import LeadSource
from echocast.model.quantisation import unpacked_dbz, unpacked_probability
from echocast.model.reflectivity import ZR

EXPECTED: Final = "reflectivity_expected"


@dataclass(frozen=True, eq=False)
class ForecastPoint:
    """What a forecast says of one pixel; arrays are (time,), NaN where there is no forecast.

    Args:
        valid_times: What the values depict, UTC.
        lead_sources: What makes each of them; empty where the file does not state it.
        reflectivity_dbz: The default product.
        extrapolation_dbz: Pure extrapolation.
        expected_dbz: The product ``expected``; None where the file has none beside the default.
        rain_rate_mm_h: The default product as rain rate, by ``relation``.
        expected_rain_rate_mm_h: The product ``expected`` in the same way; None where there is none.
        relation: Between reflectivity and rain rate, of the input.
        exceedance_probability: Threshold in dBZ -> probabilities in 0..1; may be empty.
        quality: Notes for the reader.
        not_stored: What the file goes without on purpose.
    """

    valid_times: tuple[datetime, ...]
    lead_sources: tuple[LeadSource, ...]
    reflectivity_dbz: FloatArray
    extrapolation_dbz: FloatArray
    expected_dbz: FloatArray | None
    rain_rate_mm_h: FloatArray
    expected_rain_rate_mm_h: FloatArray | None
    relation: ZR
    exceedance_probability: Mapping[float, FloatArray]
    quality: Mapping[str, str]
    not_stored: list[str]


def read_point(path: Path, row: int, column: int) -> ForecastPoint:
    """One pixel of a file that :func:`.forecast_writer.write_forecast` wrote.

    Raises:
        UnreadableInput: The file is damaged, or none of our forecasts.
    """
    with open_fields(path) as fields:
        whole, relation, floor = _file_of(fields), _relation(fields), _floor(fields)
        values = unpacked_dbz(_stored(fields, "reflectivity", row, column))
        expected = None
        if EXPECTED in fields:
            expected = unpacked_dbz(_stored(fields, EXPECTED, row, column))
        return ForecastPoint(
            _times(fields),
            read_lead_sources(fields),
            values,
            unpacked_dbz(_stored(fields, "reflectivity_extrapolation", row, column)),
            expected,
            relation.rain_rate_mm_h(values, no_rain_dbz=floor),
            None if expected is None else relation.rain_rate_mm_h(expected, no_rain_dbz=floor),
            relation,
            _probabilities(fields, row, column),
            json.loads(_attribute(whole, "quality")),
            not_stored_words(_attribute(whole, NOT_STORED)),
        )


def read_window(path: Path, rows: slice, columns: slice) -> tuple[tuple[datetime, ...], FloatArray]:
    """Valid times, and rain rates (time, y, x) in mm/h of a part of the grid, NaN where there is no
    forecast.

    Raises:
        UnreadableInput: The file is damaged, or none of our forecasts.
    """
    with open_fields(path) as fields:
        values = unpacked_dbz(np.asarray(fields["reflectivity"][:, rows, columns]))
        relation = _relation(fields)
        return _times(fields), relation.rain_rate_mm_h(values, no_rain_dbz=_floor(fields))


def _times(fields: Mapping[str, Any]) -> tuple[datetime, ...]:
    return tuple(datetime.fromtimestamp(time, UTC) for time in fields["time"][...].tolist())


def _file_of(fields: Mapping[str, Any]) -> Any:
    """The file itself, which has attributes of its own."""
    variable = fields["reflectivity"]
    return variable.group() if hasattr(variable, "group") else variable.file


def _relation(fields: Mapping[str, Any]) -> ZR:
    return ZR.of_attributes(json.loads(_attribute(_file_of(fields), "input_attributes")))


def _floor(fields: Mapping[str, Any]) -> float:
    return float(_attribute(fields["reflectivity"], "no_rain_value"))


def _probabilities(fields: Mapping[str, Any], row: int, column: int) -> dict[float, FloatArray]:
    if "exceedance_probability" not in fields:
        return {}
    counts = _stored(fields, "exceedance_probability", row, column)
    thresholds = fields["threshold"][...].tolist()
    return dict(zip(thresholds, map(unpacked_probability, counts), strict=True))


def _stored(fields: Mapping[str, Any], name: str, row: int, column: int) -> Any:
    """Counts of a variable at a pixel, along its other axes."""
    return np.asarray(fields[name][..., row, column])


def _attribute(of: Any, name: str) -> Any:
    """An attribute of a file or variable of either library; an empty text where it has none."""
    if hasattr(of, "attrs"):
        value = of.attrs.get(name, "")
    else:
        value = of.getncattr(name) if name in of.ncattrs() else ""
    plain = np.ravel(value)[0]
    return plain.decode() if isinstance(plain, bytes) else plain
