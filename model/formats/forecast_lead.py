"""One lead time of a forecast file, without reading the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.cf_layout import open_fields
from echocast.model.grid import FloatArray
from echocast.model.quantisation import unpacked_dbz, unpacked_probability


@dataclass(frozen=True, eq=False)
class ForecastLead:
    """What a forecast says of one valid time; fields are (height, width), NaN where unknown.

    Args:
        valid_time: What the fields depict.
        reflectivity_dbz: The default product.
        extrapolation_dbz: Pure extrapolation.
        persistence_dbz: The newest observed frame, where there is a forecast.
        thresholds_dbz: Of the probabilities; may be empty.
        exceedance_probability: (threshold, height, width) in 0..1; None without thresholds.
    """

    valid_time: datetime
    reflectivity_dbz: FloatArray
    extrapolation_dbz: FloatArray
    persistence_dbz: FloatArray
    thresholds_dbz: tuple[float, ...] = ()
    exceedance_probability: NDArray[np.float32] | None = None


def read_lead(
    path: Path, valid_time: datetime, thresholds_dbz: Collection[float]
) -> ForecastLead | None:
    """One lead time of a file that :func:`.forecast_writer.write_forecast` wrote.

    Args:
        path: The file.
        valid_time: Which lead; None is returned where the forecast has no such lead.
        thresholds_dbz: Whose probabilities are read, where the file has them.

    Raises:
        UnreadableInput: The file is damaged, or none of our forecasts.
    """
    with open_fields(path) as fields:
        leads = np.flatnonzero(fields["time"][...] == valid_time.timestamp())
        if not leads.size:
            return None
        lead = int(leads[0])
        reflectivity = unpacked_dbz(fields["reflectivity"][lead])
        persistence = unpacked_dbz(fields["reflectivity_last_observed"][...])
        persistence[np.isnan(reflectivity)] = np.nan
        probabilities = _probabilities(fields, lead, thresholds_dbz)
        return ForecastLead(
            valid_time,
            reflectivity,
            unpacked_dbz(fields["reflectivity_extrapolation"][lead]),
            persistence,
            tuple(probabilities),
            np.stack(list(probabilities.values())) if probabilities else None,
        )


def _probabilities(
    fields: Mapping[str, Any], lead: int, thresholds_dbz: Collection[float]
) -> dict[float, NDArray[np.float32]]:
    """Probabilities of one lead by threshold: those that the file has."""
    if "exceedance_probability" not in fields:
        return {}
    return {
        threshold: unpacked_probability(fields["exceedance_probability"][k, lead])
        for k, threshold in enumerate(fields["threshold"][...].tolist())
        if threshold in thresholds_dbz
    }
