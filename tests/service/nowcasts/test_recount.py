"""The scores of the answer, counted again by somebody else's package on the file as downloaded."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import numpy as np
import pytest
import xarray
from scores.categorical import ThresholdEventOperator

from echocast.model.synthetic.storms import storm
from tests.service.bodies import NETCDF, WAIT, forecast, written

METHODS = {
    "model": "reflectivity",
    "extrapolation": "reflectivity_extrapolation",
    "persistence": "reflectivity_last_observed",
}
COUNTS = {
    "hits": "tp_count",
    "misses": "fn_count",
    "false_alarms": "fp_count",
    "correct_negatives": "tn_count",
}
SCORES = {
    "csi": "critical_success_index",
    "pod": "probability_of_detection",
    "far": "false_alarm_ratio",
    "bias": "frequency_bias",
}


@pytest.fixture(scope="module")
def frames() -> bytes:
    """Whole dBZ, so that pixels lie on the thresholds; missing ones at several places and times."""
    sent = storm(47, frames=20, height=64, width=64)
    values = np.round(sent.reflectivity_dbz)
    assert (values == 30).any()
    values[:, :9, :] = np.nan
    values[12, 20:40, 20:40] = np.nan
    values[5:9, 50:, 50:] = np.nan
    return written(sent.with_values(values, sent.times))


@pytest.fixture(scope="module")
def answered(client: httpx.Client, frames: bytes) -> dict[str, Any]:
    reference = storm(47, frames=10, height=64, width=64).times[-1].isoformat()
    answer = client.post(
        "/nowcast",
        params={"reference_time": reference},
        content=frames,
        headers={**NETCDF, **WAIT},
    )
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


@pytest.fixture(scope="module")
def fields(
    client: httpx.Client,
    answered: dict[str, Any],
    frames: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, xarray.DataArray]:
    """Observed and forecast fields, in dBZ, on one mask."""
    folder = tmp_path_factory.mktemp("recount")
    (folder / "forecast.nc").write_bytes(forecast(client, answered, "netcdf").content)
    (folder / "sent.nc").write_bytes(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = xarray.load_dataset(folder / "forecast.nc")
        observed = xarray.load_dataset(folder / "sent.nc")["reflectivity"].sel(time=file["time"])
    forecasts = {method: file[name].broadcast_like(observed) for method, name in METHODS.items()}
    known = observed.notnull()
    for field in forecasts.values():
        known &= field.notnull()
    assert 0 < int(known.sum()) < known.size
    return {name: field.where(known) for name, field in {"observed": observed, **forecasts}.items()}


@pytest.mark.parametrize("threshold", [30, 40, 50])
@pytest.mark.parametrize("method", METHODS)
def test_every_count_and_score_is_found_again(
    client: httpx.Client,
    answered: dict[str, Any],
    fields: dict[str, xarray.DataArray],
    method: str,
    threshold: int,
) -> None:
    verification = client.get(answered["links"]["verification"]).json()
    scores = verification["methods"][method][str(threshold)]
    events = ThresholdEventOperator(default_event_threshold=threshold)
    manager = events.make_contingency_manager(fields[method], fields["observed"])
    by_lead = manager.transform(preserve_dims="time")
    assert len(scores["leads"]) == 10
    for lead, row in enumerate(scores["leads"]):
        compare(row, by_lead, lead)
    compare(scores["pooled"], manager.transform(), None)
    if threshold == 30:
        assert scores["pooled"]["hits"] > 0


def compare(row: dict[str, Any], manager: Any, lead: int | None) -> None:
    def at(field: xarray.DataArray) -> float:
        return float(field if lead is None else field.isel(time=lead))

    counts = manager.get_counts()
    for name, key in COUNTS.items():
        assert row[name] == at(counts[key]), name
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, function in SCORES.items():
            value = at(getattr(manager, function)())
            if row[name] is None:
                assert not np.isfinite(value), name
            else:
                assert row[name] == pytest.approx(value, abs=1e-12), name
