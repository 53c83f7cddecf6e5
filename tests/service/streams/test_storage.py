"""What a stream stores of its forecasts, over HTTP: what is not stored is said, never computed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from echocast.model.errors import NotStored
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.service.decoding.child import answer_to
from echocast.service.decoding.pool import REFUSALS
from echocast.service.http.problems import problem_of
from echocast.workers.streams.processing import StreamProcessing
from tests.model.formats.radar_files import forecast_of, small_storm
from tests.service.bodies import is_problem
from tests.service.real_processes import Place, eventually
from tests.service.streams.stream_feed import all_scored, declare, put, references, time_of

NAME = "little"
STORAGE = {"products": [], "longest_lead_minutes": 10.0, "compression_level": 9}
FED = 12  # the first forecast and the second are verified by all their frames, but not the third


@pytest.fixture(scope="module")
def fed(client: httpx.Client, home: Place) -> httpx.Client:
    """A stream whose first forecasts are reduced to what is stored."""
    assert declare(client, NAME, storage=STORAGE).json()["storage"] == STORAGE
    for slot in range(FED):
        assert put(client, NAME, slot).status_code == 201
        eventually(lambda slot=slot: references(client, NAME)[-1:] == [time_of(slot)])
    eventually(all_scored(home, NAME, FED))
    work = StreamProcessing.from_settings(home.settings, 5)
    work.retention.apply()
    work.close()
    return client


def test_scored_forecasts_are_reduced_and_every_answer_says_so(fed: httpx.Client) -> None:
    nowcasts = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"]
    assert [one["reduced_to"] for one in nowcasts] == 2 * [STORAGE] + (FED - 2) * [None]
    path = f"/nowcast/{nowcasts[0]['id']}/forecast"
    body = fed.get(path, params={"format": "json"}).json()
    assert body["lead_minutes"] == [5, 10]
    assert "lead times after 10 minutes" in body["not_stored"]
    file = fed.get(path)
    with xr.open_dataset(io.BytesIO(file.content)) as dataset:
        assert dataset.sizes["time"] == 2
    assert fed.get(path, headers={"If-None-Match": file.headers["etag"]}).status_code == 304
    archive = np.load(io.BytesIO(fed.get(path, params={"format": "npz"}).content))
    assert archive["not_stored"].tolist() == body["not_stored"]
    whole = fed.get(f"/nowcast/{nowcasts[2]['id']}/forecast")
    assert whole.headers["etag"].count("reduced") == 0


def test_scores_are_those_of_all_lead_times(fed: httpx.Client) -> None:
    scores = fed.get(f"/streams/{NAME}/verification").json()["methods"]["fallback"]["30"]
    assert [lead["forecasts"] for lead in scores["leads"]] == [9, 9, 9, 8, 7, 6, 5, 4, 3, 2]


def test_the_newest_forecast_has_all_lead_times_and_probabilities(fed: httpx.Client) -> None:
    point = fed.get(f"/streams/{NAME}/point", params={"lat": 50, "lon": 8}).json()
    assert len(point["lead_minutes"]) == 10
    assert point["exceedance_probability"].keys() >= {"20", "30"}
    assert point["not_stored"] == ["reflectivity_sharp"]


def test_a_storage_that_cannot_be_is_refused(fed: httpx.Client) -> None:
    assert declare(fed, "usual").json()["storage"]["products"] == ["expected", "probabilities"]
    for wrong in ({"products": ["blurred"]}, {"compression_level": 0}, {"longest_lead_minutes": 0}):
        refused = declare(fed, "wrong", storage=wrong)
        is_problem(refused, 422, "contract-violation")
        assert refused.json()["rule"] == "storage"


@pytest.mark.parametrize(
    ("stored", "product", "is_shown"),
    [
        ((), "expected", False),
        ((), "sharp", False),
        (("expected",), "sharp", True),
        (("sharp",), "sharp", True),
        (("sharp",), "expected", False),
    ],
)
def test_a_product_that_is_not_stored_is_not_found(
    stored: tuple[str, ...], product: str, is_shown: bool, tmp_path: Path
) -> None:
    """What a child answers, and the problem that the gateway makes of it."""
    forecast = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)[0]
    forecast = replace(forecast, expected=forecast.extrapolation)
    write_forecast_stream(forecast.stream(), tmp_path / "f.nc", ForecastStorage(stored))
    places = {"forecast": str(tmp_path / "f.nc"), "output": str(tmp_path / "f.json")}
    answer: dict[str, Any] = answer_to(
        {"op": "render", "format": "json", "product": product, **places}
    )
    assert ("result" in answer) == is_shown
    if not is_shown:
        error = REFUSALS[answer["error"]["type"]](answer["error"]["message"])
        assert isinstance(error, NotStored)
        assert problem_of(error).status_code == 404
        assert b"urn:echocast:problem:not-stored" in problem_of(error).body


@pytest.mark.parametrize("stored", [(), ("expected",)])
def test_a_place_has_the_expected_product_where_it_is_stored(
    stored: tuple[str, ...], tmp_path: Path
) -> None:
    forecast = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)[0]
    forecast = replace(forecast, expected=forecast.extrapolation)
    write_forecast_stream(forecast.stream(), tmp_path / "f.nc", ForecastStorage(stored))
    place = {"forecast": str(tmp_path / "f.nc"), "row": 15, "column": 15}
    point = answer_to({"op": "point", **place})["result"]
    assert None not in point["extrapolation_dbz"]
    assert point["expected_dbz"] == (point["extrapolation_dbz"] if stored else [])
    rates = point["expected_rain_rate_mm_h"]
    assert len(rates) == len(point["expected_dbz"])
    for rate, dbz in zip(rates, point["expected_dbz"], strict=True):
        assert (rate > 0) is (dbz > -10)
