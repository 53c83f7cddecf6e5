"""Whose images a stream has, and on which terms: said once, carried into files and answers."""

from __future__ import annotations

import io

import httpx
import pytest
import xarray as xr

from echocast.service.sources.library import all_sources
from tests.service.bodies import is_problem
from tests.service.real_processes import eventually
from tests.service.streams.stream_feed import declare, put, references, time_of

NAME = "opera-munich"
OPERA = all_sources()["opera"]
LICENCE = "CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/)"


def test_licence_and_attribution_go_with_the_forecast(client: httpx.Client) -> None:
    assert declare(client, NAME, source=OPERA.terms()).json()["source"] == OPERA.terms()
    assert put(client, NAME, 0).status_code == 201
    eventually(lambda: references(client, NAME) == [time_of(0)])
    with xr.open_dataset(io.BytesIO(client.get(f"/streams/{NAME}/latest").content)) as dataset:
        assert dataset.attrs["license"] == LICENCE
        assert dataset.attrs["acknowledgement"] == OPERA.licence.attribution
    latest = client.get(f"/streams/{NAME}/latest", params={"format": "json"}).json()
    assert (latest["licence"], latest["attribution"]) == (LICENCE, OPERA.licence.attribution)
    assert client.get(f"/streams/{NAME}").json()["source"] == OPERA.terms()
    eventually(lambda: client.get(f"/streams/{NAME}/map").status_code == 200)
    shown = client.get(f"/streams/{NAME}/map").json()
    assert (shown["licence"], shown["attribution"]) == (LICENCE, OPERA.licence.attribution)


def test_a_stream_of_unknown_source_says_none(client: httpx.Client) -> None:
    assert declare(client, "of-nobody").json()["source"] is None


@pytest.mark.parametrize("wrong", [{}, {**OPERA.terms(), "licence_url": "x"}, "opera"])
def test_half_a_source_is_refused(client: httpx.Client, wrong: object) -> None:
    is_problem(declare(client, "half", source=wrong), 422, "invalid-parameter")
