"""Forecasts are not observations: no forecasts of forecasts, and no training on them."""

from __future__ import annotations

import h5py
import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.odim.tree import text

MOST_LEADS = 10_000  # a list of lead times that claims more is not read
LEADS = ("forecast_period", "forecast_lead_time", "lead_time", "leadtime")
WORDS = {"simulated", *LEADS}
FALSE = ("", "0", "0.0", "false", "no", "none")


def check_observed_netcdf(dataset: netCDF4.Dataset, where: str) -> None:
    """Raise where a NetCDF file is a forecast.

    Raises:
        ContractViolation: It has a forecast period (by CF's standard name, or by a usual name) that
            is not all zero.
    """
    for variable in dataset.variables.values():
        names = (getattr(variable, "standard_name", ""), variable.name.lower())
        if any(name in LEADS for name in names) and _is_ahead(variable):
            raise _forecast(where, f"its {short(variable.name)} is not zero")


def _is_ahead(variable: Variable) -> bool:
    if not isinstance(variable.datatype, np.dtype) or variable.datatype.kind not in "iufm":
        return True
    return bool(variable.size > MOST_LEADS or np.any(np.ma.filled(variable[...], 0)))


def check_observed_odim(groups: tuple[h5py.Group, ...], where: str) -> None:
    """Raise where an ODIM_H5 file says that its data are simulated, or of a lead time.

    Args:
        groups: Data, its data set, and the file: where ``how`` is looked for.
        where: Names the file in messages.

    Raises:
        ContractViolation: It does.
    """
    nearest: dict[str, object] = {}
    for holder in (group.get(kind) for kind in ("how", "what") for group in groups):
        for name in WORDS.intersection(() if holder is None else holder.attrs):
            nearest.setdefault(f"{holder.name.rpartition('/')[2]}/{name}", holder.attrs[name])
    for name, value in nearest.items():
        if text(value).lower() not in FALSE:
            raise _forecast(where, f"its {name} is {short(text(value))}")


def _forecast(where: str, why: str) -> ContractViolation:
    return ContractViolation(
        f"{where} is a forecast ({why}), not what a radar observed. Send the observed images; of a"
        " set of forecast members the analysis, lead time 0, is one.",
        rule="not-observed",
    )
