"""The main job through real HTTP: gateway, engine and worker are real processes."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray
from PIL import Image

from model.cf import read_forecast
from model.readers import read_frames
from model.synthetic import storm
from model.verification import verify
from service.examples import shower
from tests.service.bodies import (
    HDF5,
    NETCDF,
    STORM_STEP,
    WAIT,
    body,
    is_problem,
    netcdf,
    other_storm,
    post,
    uniform,
    written,
)
from tests.service.processes import Gateway

REFERENCE = (storm(3, frames=1, height=16, width=16).times[0] + 9 * STORM_STEP).isoformat()


@pytest.fixture(scope="module")
def job(client: httpx.Client) -> dict[str, Any]:
    """Ten frames in, ten to verify; finished."""
    answer = client.post(
        "/nowcast",
        params={"reference_time": REFERENCE},
        content=netcdf(frames=20),
        headers={**NETCDF, **WAIT},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=30"
    finished: dict[str, Any] = answer.json()
    assert answer.headers["location"] == finished["links"]["self"]
    return finished


def forecast(client: httpx.Client, job: dict[str, Any], name: str) -> httpx.Response:
    answer = client.get(job["links"]["forecast"], params={"format": name})
    assert answer.status_code == 200, answer.text
    return answer


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


# Formats


def test_netcdf_opens_in_xarray(client: httpx.Client, job: dict[str, Any], tmp_path: Path) -> None:
    answer = forecast(client, job, "netcdf")
    assert answer.headers["content-type"] == "application/x-netcdf"
    path = tmp_path / "forecast.nc"
    path.write_bytes(answer.content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = xarray.open_dataset(path)
    with opened as dataset:
        assert dataset["reflectivity"].dims == ("time", "y", "x")
        assert dataset.sizes["time"] == 10
        assert {"forecast_reference_time", "forecast_period"} <= set(dataset.coords)


def test_all_formats_hold_the_same_forecast(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "forecast.nc"
    path.write_bytes(forecast(client, job, "netcdf").content)
    truth = read_forecast(path)
    as_json = forecast(client, job, "json").json()
    values = truth.frames.reflectivity_dbz
    np.testing.assert_allclose(np.array(as_json["frames"], dtype=float), values, atol=0.006)
    assert as_json["times"] == job["valid_times"]
    assert as_json["units"] == "dBZ"
    with np.load(io.BytesIO(forecast(client, job, "npz").content), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["reflectivity_dbz"], values)
        assert list(arrays["lead_minutes"]) == job["lead_minutes"]


def test_pictures_open_in_pillow(client: httpx.Client, job: dict[str, Any]) -> None:
    for name, frames in (("png", 1), ("webp", 11)):
        answer = forecast(client, job, name)
        assert answer.headers["content-type"] == f"image/{name}"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.format == name.upper()
            assert getattr(image, "n_frames", 1) >= frames


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/x-netcdf"),
        ("application/json", "application/json"),
        ("image/*", "image/png"),
        ("image/webp, image/png;q=0.5", "image/webp"),
        ("text/html;q=0.9, application/json;q=0.1", "application/json"),
    ],
)
def test_accept_chooses_the_format(
    client: httpx.Client, job: dict[str, Any], accept: str, media_type: str
) -> None:
    answer = client.get(job["links"]["forecast"], headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["vary"] == "Accept"


def test_unknown_formats_are_refused(client: httpx.Client, job: dict[str, Any]) -> None:
    path = job["links"]["forecast"]
    is_problem(client.get(path, params={"format": "gif"}), 422, "unknown-format")
    is_problem(client.get(path, headers={"Accept": "text/html"}), 406, "not-acceptable")


def test_what_the_caller_has_is_not_sent_again(client: httpx.Client, job: dict[str, Any]) -> None:
    first = forecast(client, job, "netcdf")
    again = client.get(job["links"]["forecast"], headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert first.headers["content-disposition"].endswith('.nc"')


# Verification


def test_scores_equal_a_recount_on_the_written_values(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "forecast.nc").write_bytes(forecast(client, job, "netcdf").content)
    (tmp_path / "input.nc").write_bytes(netcdf(frames=20))
    observed = read_frames([tmp_path / "input.nc"])[10:]
    recount = verify(read_forecast(tmp_path / "forecast.nc"), observed).to_json()
    scores = client.get(job["links"]["verification"]).json()
    assert scores["methods"] == recount["methods"]
    assert scores["methods"] == job["verification"]["methods"]
    assert scores["methods"]["model"]["30"]["pooled"]["hits"] >= 0
    assert None in [lead["csi"] for lead in scores["methods"]["model"]["50"]["leads"]]


def test_without_observations_all_counts_are_zero(client: httpx.Client) -> None:
    job = post(client, other_storm(45), **WAIT).json()
    assert "verification" not in job or job["verification"]["sample"]["frames"] == 0
    answer = client.get(job["links"]["verification"])
    assert answer.status_code == 200
    pooled = answer.json()["methods"]["model"]["40"]["pooled"]
    assert pooled["correct_negatives"] == pooled["hits"] == 0
    assert pooled["csi"] is None
    assert len(answer.json()["methods"]["persistence"]["30"]["leads"]) == 10


def test_observations_are_scored_when_they_come(client: httpx.Client) -> None:
    frames = storm(46, frames=20, height=48, width=48)
    job = client.post("/nowcast", content=written(frames[:10]), headers={**NETCDF, **WAIT}).json()
    path = job["links"]["observations"]
    for last, count in ((13, 3), (20, 10)):
        answer = client.post(path, content=written(frames[:last]), headers=NETCDF)
        assert answer.status_code == 200, answer.text
        assert answer.json()["sample"]["frames"] == count
    assert client.get(job["links"]["verification"]).json() == answer.json()
    early = client.post(path, content=written(frames[:10]), headers=NETCDF)
    is_problem(early, 422, "contract-violation", "observation-times")
    elsewhere = storm(46, frames=12, height=32, width=32)
    other = client.post(path, content=written(elsewhere), headers=NETCDF)
    is_problem(other, 422, "contract-violation", "grid")


def test_models_and_health(gate: Gateway) -> None:
    models = gate.client.get("/models").json()["models"]
    assert [m["name"] for m in models] == ["tiny"]
    assert models[0]["equals_extrapolation"] is True
    assert models[0]["loaded_by"] == 1
    assert models[0]["aliases"] == ["champion"]
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
