"""Fixtures: a tiny checkpoint, and services made of real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.bodies import NETCDF, REFERENCE, WAIT, netcdf
from tests.service.processes import (
    Gateway,
    Place,
    engine,
    eventually,
    gateway,
    place,
    pretend_worker,
    worker,
)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one tiny network that equals extrapolation."""
    import json

    import torch

    from model.checkpoint import save
    from model.config import PRESETS, replace
    from model.networks import Network

    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    config = replace(PRESETS["radar-small"], hidden_channels=4, base="newest")
    save(Network(config), root / "tiny" / "1", {})
    (root / "aliases.json").write_text(json.dumps({"champion": "tiny/1"}))
    return root


@pytest.fixture(scope="session")
def door(models: Path) -> Iterator[Gateway]:
    """Engine and gateway, with a worker that is only pretended: for what is refused."""
    with (
        place(
            models, queue_limit="3", body_limit_bytes="4000000", decode_timeout_seconds="20"
        ) as where,
        engine(where),
    ):
        pretend_worker(where)
        with gateway(where) as gate:
            yield gate


@pytest.fixture(scope="session")
def home(models: Path) -> Iterator[Place]:
    """Engine and worker."""
    with place(models) as where, engine(where), worker(where):
        yield where


@pytest.fixture(scope="session")
def gate(home: Place) -> Iterator[Gateway]:
    """A whole service."""
    with gateway(home) as gate:
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield gate


@pytest.fixture(scope="session")
def client(gate: Gateway) -> httpx.Client:
    return gate.client


@pytest.fixture(scope="session")
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
