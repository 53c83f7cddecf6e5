"""What a forecast file says of itself: who made it, from what, and where and when it is valid.

Sources: CF conventions 1.11, section 2.6.2, and ACDD 1.3 (attribute convention for data discovery).
The operator is the ``institution``; the agency whose radar it is stands in ``source``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from echocast import __version__
from echocast.model.forecast import Forecast, ForecastStream
from echocast.model.formats.cf_layout import CONVENTIONS
from echocast.model.formats.outline import outline
from echocast.model.formats.time_text import iso_text

EXTRAPOLATION = "optical flow (DIS) and semi-Lagrangian advection of the newest input frame"
KEYWORDS = (
    "EARTH SCIENCE > ATMOSPHERE > PRECIPITATION > PRECIPITATION RATE",
    "EARTH SCIENCE > SPECTRAL/ENGINEERING > RADAR > RADAR REFLECTIVITY",
)


def global_attributes(part: Forecast, forecast: ForecastStream) -> dict[str, Any]:
    """Attributes of the file of a forecast.

    Args:
        part: Any part of the forecast.
        forecast: The whole of it; no part is read.
    """
    software = f"Echocast {__version__}"
    reference = iso_text(part.forecast_reference_time)
    given = part.frames.attributes
    return {
        "Conventions": f"{CONVENTIONS}, ACDD-1.3",
        "title": "Precipitation nowcast: radar reflectivity",
        "institution": forecast.institution or "not stated",
        "history": f"{reference}: nowcast by {software}",
        "references": "https://arxiv.org/abs/1811.07490",
        "comment": "Missing pixels are those no radar echo could be followed to.",
        **_origin(part, given),
        **_discovery(forecast),
        "software": software,
        "input_sha256": part.input_sha256,
        "input_attributes": json.dumps(dict(given), sort_keys=True),
        "model_name": part.model.name,
        "model_version": part.model.version,
        "model_weights_sha256": part.model.weights_sha256,
        "product": part.product,
        "extrapolation_method": EXTRAPOLATION,
        "quality": json.dumps(dict(part.quality), sort_keys=True),
    }


def _origin(part: Forecast, given: Mapping[str, str]) -> dict[str, str]:
    """Model and radar as the source; licence and attribution of the images, as stated."""
    agency, data = given.get("institution", ""), given.get("source", "radar reflectivity")
    radar = data if not agency or agency in data else f"{data} ({agency})"
    terms = {name: given[name] for name in ("license", "acknowledgement") if name in given}
    return {"source": f"{part.model.name} {part.model.version} on {radar}", **terms}


def _discovery(forecast: ForecastStream) -> dict[str, Any]:
    """What a catalogue looks for."""
    return {
        **time_attributes(forecast.forecast_reference_time, forecast.valid_times),
        "keywords": ", ".join(KEYWORDS),
        "keywords_vocabulary": "GCMD Science Keywords",
        "standard_name_vocabulary": "CF Standard Name Table",
        "cdm_data_type": "Grid",
        "processing_level": "forecast",
        "time_coverage_resolution": _duration(forecast.step),
        **outline(forecast.grid),
    }


def time_attributes(reference: datetime, valid_times: Sequence[datetime]) -> dict[str, str]:
    """What a file says of the time that a forecast is made from, and of those that it is for."""
    first, last = valid_times[0], valid_times[-1]
    minutes = round((last - reference).total_seconds() / 60)
    return {
        "summary": f"Radar reflectivity of the next {minutes} minutes, forecast from images up to"
        f" {iso_text(reference)}, beside extrapolation and exceedance probabilities. What made each"
        " lead time stands in lead_source.",
        "time_coverage_start": iso_text(first),
        "time_coverage_end": iso_text(last),
        "time_coverage_duration": _duration(last - first),
    }


def _duration(span: timedelta) -> str:
    """ISO 8601, e.g. PT5M or PT2M30S."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"PT{minutes}M" + (f"{seconds}S" if seconds else "")
