"""``echocast.rain_amount``: the rain of a forecast in mm."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from echocast.model.errors import ContractViolation
from echocast.model.library.forecast_file import check_forecast, minutes_of
from echocast.model.rain_amounts import expected_amounts
from echocast.model.reflectivity import ZR

NEEDED = ("reflectivity", "exceedance_probability")


def rain_amount(forecast: xr.Dataset) -> xr.DataArray:
    """Expected rain of each step of a forecast, from its exceedance probabilities.

    Each value is the rain of the step that ends at its ``time``. Steps add; where rain is unknown
    at one of them the sum is, too: ``.sum("time", skipna=False)``.

    Example:
        >>> echocast.rain_amount(forecast).sel(x=12e3, y=-40e3, method="nearest").to_pandas()

    Args:
        forecast: As :func:`.nowcasting.nowcast` gives it, with probabilities, from its first lead.

    Returns:
        (time, y, x) in mm, NaN where no forecast is possible, with the coordinates of the forecast.

    Raises:
        ContractViolation: It is no such forecast, or lacks its first lead times.
    """
    check_forecast(forecast, NEEDED)
    whole = forecast.transpose("threshold", "time", "y", "x", missing_dims="ignore")
    expected = whole.get("reflectivity_expected", whole.reflectivity)
    amounts = expected_amounts(
        expected.values.astype(np.float32),
        whole.exceedance_probability.values.astype(np.float32),
        tuple(map(float, whole.threshold.values)),
        _checked_leads(forecast),
        ZR.of_attributes(json.loads(forecast.attrs.get("input_attributes", "{}"))),
    )
    attributes = {
        "standard_name": "lwe_thickness_of_precipitation_amount",
        "long_name": "expected rain of the step that ends at this time",
        "units": "mm",
        "cell_methods": "time: sum",
    }
    answer: xr.DataArray = (
        expected.copy(data=np.stack(list(amounts))).rename("rain_amount").drop_encoding()
    )
    answer.attrs = attributes
    return answer


def _checked_leads(forecast: xr.Dataset) -> list[float]:
    """Lead times in minutes.

    Raises:
        ContractViolation: The first ones are not there.
    """
    minutes = minutes_of(forecast)
    steps = np.diff([0.0, *minutes])
    if len(steps) > 1 and not np.allclose(steps, steps[-1], rtol=0.1):
        raise ContractViolation(
            "Rain amounts need all lead times from the first one on, in even steps, but the leads"
            f" are {', '.join(f'{lead:g}' for lead in minutes)} minutes.",
            rule="step",
        )
    return [float(lead) for lead in minutes]
