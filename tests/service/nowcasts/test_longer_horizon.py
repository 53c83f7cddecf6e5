"""Lead times after the network's, requested with ``leads``: of a nowcast and of a stream."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from tests.service.bodies import NETCDF, REFERENCE, WAIT, is_problem, netcdf
from tests.service.real_processes import Gateway, eventually
from tests.service.streams.stream_feed import declare, put, references, time_of

LEADS = 14
SOURCES = 10 * ["network"] + 4 * ["extrapolation"]
NAME = "far-ahead"


def submitted(client: httpx.Client, body: bytes, **query: Any) -> dict[str, Any]:
    answer = client.post("/nowcast", params=query, content=body, headers={**NETCDF, **WAIT})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


@pytest.fixture(scope="module")
def longer(client: httpx.Client) -> dict[str, Any]:
    """Ten frames in, ten to verify; finished."""
    return submitted(client, netcdf(frames=20), reference_time=REFERENCE, leads=LEADS)


def forecast(client: httpx.Client, job: dict[str, Any], name: str) -> httpx.Response:
    return client.get(job["links"]["forecast"], params={"format": name})


def test_a_nowcast_has_as_many_leads_as_requested_and_says_what_makes_them(
    client: httpx.Client, longer: dict[str, Any], job: dict[str, Any]
) -> None:
    assert longer["lead_minutes"] == [6.0 * lead for lead in range(1, LEADS + 1)]
    assert longer["lead_sources"] == SOURCES
    assert "leads to 60 minutes" in longer["quality"]["horizon"]
    assert job["lead_sources"] == SOURCES[:10]
    assert "horizon" not in job["quality"]
    body = forecast(client, longer, "json").json()
    assert body["lead_sources"] == SOURCES
    arrays = np.load(io.BytesIO(forecast(client, longer, "npz").content))
    assert arrays["lead_sources"].tolist() == SOURCES
    with xr.open_dataset(io.BytesIO(forecast(client, longer, "netcdf").content)) as file:
        assert file.lead_source.values.tolist() == 10 * [0] + 4 * [1]
        assert file.lead_source.attrs["flag_meanings"] == "network extrapolation persistence"


def test_the_leads_of_the_network_are_the_same(
    client: httpx.Client, longer: dict[str, Any], job: dict[str, Any]
) -> None:
    more, usual = (
        np.load(io.BytesIO(forecast(client, one, "npz").content)) for one in (longer, job)
    )
    for name in ("reflectivity_dbz", "extrapolation_dbz"):
        np.testing.assert_allclose(more[name][:10], usual[name], atol=0.011)


def verified(client: httpx.Client, job: dict[str, Any]) -> list[int]:
    """How many frames each lead was compared with."""
    leads = client.get(job["links"]["verification"]).json()["sample"]["leads"]
    return [lead["frames"] for lead in leads]


def test_observations_of_every_lead_are_scored_and_none_after_them(
    client: httpx.Client, longer: dict[str, Any]
) -> None:
    assert verified(client, longer) == 10 * [1] + 4 * [0]
    later = client.post(
        longer["links"]["observations"],
        content=netcdf(frames=25),
        headers={**NETCDF, **WAIT},
    )
    assert later.status_code == 200, later.text
    assert len(later.json()["ignored_times"]) == 1
    assert verified(client, longer) == 14 * [1]


def test_other_leads_are_another_job_and_equal_ones_the_same(
    client: httpx.Client, longer: dict[str, Any], job: dict[str, Any]
) -> None:
    again = submitted(client, netcdf(frames=20), reference_time=REFERENCE, leads=LEADS)
    fewer = submitted(client, netcdf(frames=20), reference_time=REFERENCE, leads=3)
    assert again["id"] == longer["id"]
    assert len({again["id"], fewer["id"], job["id"]}) == 3
    assert fewer["lead_sources"] == 3 * ["network"]


def test_the_same_key_with_other_leads_is_refused(client: httpx.Client) -> None:
    headers = {**NETCDF, "Idempotency-Key": "leads"}
    answers = [
        client.post("/nowcast", params={"leads": leads}, content=netcdf(seed=5), headers=headers)
        for leads in (2, 2, 3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 422]


@pytest.mark.parametrize(("leads", "rule"), [(21, "lead-count"), (25, None), (0, None)])
def test_leads_after_two_hours_are_refused(door: Gateway, leads: int, rule: str | None) -> None:
    answer = door.client.post("/nowcast", params={"leads": leads}, content=netcdf(), headers=NETCDF)
    assert answer.status_code == 422
    if rule:
        is_problem(answer, 422, "contract-violation", rule)
        assert "21 of 6 minutes reach 126; with this step 20 can" in answer.json()["detail"]


@pytest.fixture(scope="module")
def fed(client: httpx.Client) -> httpx.Client:
    """A stream whose newest forecast is the network's, followed by extrapolation."""
    assert declare(client, NAME, leads=LEADS).json()["leads"] == LEADS
    for slot in range(10):
        assert put(client, NAME, slot).status_code == 201
        eventually(lambda slot=slot: references(client, NAME)[-1:] == [time_of(slot)])
    return client


def sources(client: httpx.Client, nowcast: dict[str, Any]) -> list[str]:
    """What makes the leads of a stream's forecast: its job ends after it is listed."""
    path = f"/nowcast/{nowcast['id']}"
    eventually(lambda: client.get(path).json()["status"] == "succeeded")
    made: list[str] = client.get(path).json()["lead_sources"]
    return made


def test_a_streams_forecasts_reach_as_far_as_declared(fed: httpx.Client) -> None:
    nowcasts = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"]
    assert {len(nowcast["valid_times"]) for nowcast in nowcasts} == {LEADS}
    assert sources(fed, nowcasts[0]) == LEADS * ["persistence"]
    assert sources(fed, nowcasts[9]) == SOURCES
    point = fed.get(f"/streams/{NAME}/point", params={"lat": 50, "lon": 8}).json()
    assert point["lead_sources"] == SOURCES
    assert len(point["reflectivity_dbz"]) == len(point["lead_minutes"]) == LEADS


def test_leads_of_a_stream_change_and_what_is_left_out_stays(fed: httpx.Client) -> None:
    changed = fed.patch(f"/streams/{NAME}", json={"leads": None})
    assert (changed.json()["leads"], changed.json()["paused"]) == (None, False)
    assert fed.patch(f"/streams/{NAME}", json={"paused": False}).json()["leads"] is None
    assert fed.patch(f"/streams/{NAME}", json={"leads": 24}).json()["leads"] == 24
    assert declare(fed, NAME, leads=12).json()["leads"] == 12
    assert fed.patch(f"/streams/{NAME}", json={}).status_code == 422
    for refused in (25, 0):
        answer = fed.patch(f"/streams/{NAME}", json={"leads": refused})
        is_problem(answer, 422, "contract-violation", "lead-count")
    answer = declare(fed, "slow", leads=13, step_minutes=10)
    is_problem(answer, 422, "contract-violation", "lead-count")
    assert fed.get(f"/streams/{NAME}").json()["leads"] == 12
