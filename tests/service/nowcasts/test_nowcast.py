"""The main job through real HTTP: gateway, engine and worker are real processes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest

from echocast.model.synthetic.storms import storm
from echocast.service.http.openapi_examples import shower
from tests.service.bodies import (
    HDF5,
    NETCDF,
    REFERENCE,
    WAIT,
    body,
    forecast,
    is_problem,
    netcdf,
    other_storm,
    post,
    uniform,
    written,
)
from tests.service.real_processes import Gateway


def test_a_finished_job_says_everything(client: httpx.Client, job: dict[str, Any]) -> None:
    assert job["status"] == "succeeded"
    assert job["lead_minutes"] == [6.0 * k for k in range(1, 11)]
    assert len(job["valid_times"]) == 10
    assert job["forecast_reference_time"] == "2026-07-01T12:54:00Z"
    assert job["model"]["name"] == "tiny"
    assert job["timings"]["total"] > 0
    assert client.get(job["links"]["self"]).json() == job


def test_without_prefer_the_answer_is_202_at_once(client: httpx.Client) -> None:
    answer = post(client, other_storm(40))
    assert answer.status_code == 202
    assert set(answer.json()) == {"id", "status", "links"}
    assert "preference-applied" not in answer.headers
    assert client.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize("prefer", ["wait=nonsense", "respond-async", "wait=-1"])
def test_unknown_preferences_are_ignored(client: httpx.Client, prefer: str) -> None:
    answer = post(client, other_storm(40), Prefer=prefer)
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


def test_the_wait_is_capped(client: httpx.Client) -> None:
    answer = post(client, other_storm(41), Prefer="respond-async, wait=999")
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=30"


def test_the_same_request_runs_once(client: httpx.Client) -> None:
    first, second = (post(client, other_storm(42), **WAIT).json() for _ in range(2))
    assert first["id"] == second["id"]
    assert first["started"] == second["started"]


def test_an_idempotency_key_stands_for_one_body(client: httpx.Client) -> None:
    first = post(client, other_storm(43), **{"Idempotency-Key": "k1"})
    again = post(client, other_storm(43), **{"Idempotency-Key": "k1"})
    assert first.json()["id"] == again.json()["id"]
    other = post(client, other_storm(44), **{"Idempotency-Key": "k1"})
    is_problem(other, 422, "idempotency-conflict")


def test_json_hdf5_and_many_files_say_the_same(client: httpx.Client) -> None:
    frames = storm(5, frames=10, height=32, width=32)
    whole = client.post("/nowcast", content=written(frames), headers={**HDF5, **WAIT}).json()
    single = [frames[k : k + 1] for k in (4, 0, 9, 1, 2, 3, 8, 7, 6, 5)]
    files = [("files", (f"{k}.nc", written(frame))) for k, frame in enumerate(single)]
    parts = client.post("/nowcast", files=files, headers=WAIT).json()
    assert parts["id"] == whole["id"]


def test_the_documented_example_works(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    content = document["paths"]["/nowcast"]["post"]["requestBody"]["content"]
    answer = client.post("/nowcast", json=content["application/json"]["example"], headers=WAIT)
    assert answer.json()["status"] == "succeeded", answer.text
    path = document["paths"]["/nowcast/{job_id}/observations"]["post"]["requestBody"]
    example = path["content"]["application/json"]["example"]
    scores = client.post(answer.json()["links"]["observations"], json=example)
    assert scores.status_code == 200, scores.text
    assert scores.json()["sample"]["frames"] == 2


def test_an_all_dry_input_gives_a_dry_forecast(client: httpx.Client) -> None:
    answer = client.post("/nowcast", json=body(frames=uniform(dbz=-20)), headers=WAIT)
    assert answer.json()["status"] == "succeeded"
    frames = np.array(forecast(client, answer.json(), "json").json()["frames"], dtype=float)
    assert np.nanmax(frames) <= 0


def test_an_unescaped_plus_in_the_reference_time_is_understood(client: httpx.Client) -> None:
    url = f"/nowcast?reference_time={REFERENCE}"
    assert "+00:00" in url
    assert client.post(url, content=netcdf(frames=20), headers=NETCDF).status_code == 202


def test_models_and_health(gate: Gateway) -> None:
    every = gate.client.get("/models").json()["models"]
    models = [model for model in every if model["name"] != "radar-small"]
    assert [m["name"] for m in models] == ["tiny"]
    assert models[0]["equals_extrapolation"] is True
    assert models[0]["loaded_by"] == 1
    assert models[0]["aliases"] == ["champion"]
    assert (models[0]["family"], models[0]["equations"]) == ("mim", "paper")
    assert models[0]["parameters"] > 0
    assert gate.client.get("/healthz").json() == {"status": "ok"}
    assert gate.client.get("/readyz").json()["workers"][0]["models"] == ["tiny/1"]


def test_metrics_name_routes_not_ids(client: httpx.Client, job: dict[str, Any]) -> None:
    client.get("/wp-admin")
    text = client.get("/metrics").text
    assert 'route="/nowcast/{job_id}/forecast"' in text
    assert 'route="unmatched"' in text
    assert job["id"] not in text
    assert "_created" not in text


def test_the_shower_of_the_documentation_is_rain() -> None:
    assert np.max(json.loads(json.dumps(shower(1)))["frames"]) >= 40
