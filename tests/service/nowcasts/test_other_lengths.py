"""A model of six frames in, twelve out, is served whole: nowcasts, scores, streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from echocast.model.synthetic.storms import storm
from tests.service.bodies import NETCDF, WAIT, is_problem, written
from tests.service.conftest import registry
from tests.service.real_processes import Place, engine, eventually, gateway, place, worker
from tests.service.streams.stream_feed import agree, all_scored, counted, feed, references

INPUTS, LEADS = 6, 12
FRAMES = storm(8, frames=INPUTS + LEADS, height=32, width=32, step_minutes=5)
NAME = "radar"
FED = 8


@pytest.fixture(scope="module")
def six_in_twelve_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Engine and worker with an untrained network of these lengths."""
    lengths = {"input_frames": INPUTS, "output_frames": LEADS}
    models = registry(tmp_path_factory.mktemp("models"), kernel=1, layers=2, **lengths)
    with place(models) as where, engine(where), worker(where):
        yield where


@pytest.fixture(scope="module")
def served(six_in_twelve_out: Place) -> Iterator[httpx.Client]:
    with gateway(six_in_twelve_out, metrics_by_lead="true") as gate:
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield gate.client


@pytest.fixture(scope="module")
def finished(served: httpx.Client) -> dict[str, Any]:
    """Six frames in, the first nine after them sent along to verify."""
    answer = served.post(
        "/nowcast",
        params={"reference_time": FRAMES.times[INPUTS - 1].isoformat()},
        content=written(FRAMES[: INPUTS + 9]),
        headers={**NETCDF, **WAIT},
    )
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


@pytest.fixture(scope="module")
def fed(served: httpx.Client, six_in_twelve_out: Place) -> httpx.Client:
    """A stream that has taken eight frames and scored everything."""
    feed(served, NAME, range(FED))
    eventually(all_scored(six_in_twelve_out, NAME, FED))
    return served


def sample(client: httpx.Client, job: dict[str, Any]) -> tuple[int, int]:
    """Frames that verified a nowcast, and the lead times that its scores have."""
    scores = client.get(job["links"]["verification"]).json()
    return scores["sample"]["frames"], len(scores["methods"]["model"]["30"]["leads"])


def test_six_frames_give_twelve_leads(served: httpx.Client, finished: dict[str, Any]) -> None:
    assert finished["status"] == "succeeded"
    assert finished["lead_minutes"] == [5.0 * lead for lead in range(1, LEADS + 1)]
    body = served.get(finished["links"]["forecast"], params={"format": "json"}).json()
    assert len(body["frames"]) == LEADS


def test_five_frames_are_refused(served: httpx.Client) -> None:
    answer = served.post("/nowcast", content=written(FRAMES[:5]), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "frame-count")
    assert "at least 6 frames" in answer.json()["detail"]


def test_observations_of_the_last_leads_are_scored_too(
    served: httpx.Client, finished: dict[str, Any]
) -> None:
    assert sample(served, finished) == (9, LEADS)
    later = written(FRAMES[INPUTS + 9 :])
    answer = served.post(finished["links"]["observations"], content=later, headers=NETCDF)
    assert answer.status_code == 200, answer.text
    assert sample(served, finished) == (LEADS, LEADS)


def test_a_stream_forecasts_from_six_frames_on(fed: httpx.Client) -> None:
    assert len(references(fed, NAME)) == FED
    nowcasts = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"]
    models = [nowcast["model"] for nowcast in nowcasts]
    assert models == ["persistence/1"] + 4 * ["extrapolation/1"] + 3 * ["tiny/1"]
    assert "1 of 6 frames" in nowcasts[0]["quality"]["degraded"]


@pytest.mark.parametrize("slot", [0, 1, FED - 1])
def test_a_streams_forecasts_have_twelve_leads_with_and_without_the_network(
    fed: httpx.Client, slot: int
) -> None:
    nowcast = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"][slot]
    # it is listed as soon as it is written; its job ends a moment later
    eventually(lambda: fed.get(f"/nowcast/{nowcast['id']}").json()["status"] == "succeeded")
    job = fed.get(f"/nowcast/{nowcast['id']}").json()
    assert len(job["lead_minutes"]) == LEADS


def test_every_lead_is_counted(fed: httpx.Client, six_in_twelve_out: Place) -> None:
    assert counted(fed, NAME, "model") == 2 + 1  # references 5 and 6
    assert counted(fed, NAME, "fallback") == sum(FED - 1 - slot for slot in range(5))
    assert agree(six_in_twelve_out, NAME)


def test_metrics_by_lead_show_all_twelve(fed: httpx.Client) -> None:
    text = fed.get("/metrics").text
    for lead in range(5, 65, 5):
        sample = f'lead_minutes="{lead}",role="model",stream="{NAME}"'
        assert f"echocast_stream_verified_forecasts_total{{{sample}}}" in text
    assert 'lead_minutes="65"' not in text
