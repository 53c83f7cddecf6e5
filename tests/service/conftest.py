"""Fixtures: a tiny checkpoint, and services made of real processes, which end with this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.bodies import NETCDF, REFERENCE, WAIT, netcdf
from tests.service.real_processes import (
    Gateway,
    Place,
    engine,
    engine_process,
    eventually,
    gateway,
    place,
    pretend_worker,
    worker,
)
from tests.workers.conftest import name_models


def registry(root: Path, **changes: Any) -> Path:
    """One tiny network that equals extrapolation."""
    import json

    import torch

    from echocast.model.network.config import PRESETS, replace
    from echocast.model.network.network import Network
    from echocast.model.registry.checkpoint import save

    torch.manual_seed(1)
    config = replace(PRESETS["radar-small"], hidden_channels=4, base="newest", **changes)
    save(Network(config), root / "tiny" / "1", {})
    (root / "aliases.json").write_text(json.dumps({"champion": "tiny/1"}))
    return root


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose network has no fast steps: workers that try none start sooner."""
    return registry(tmp_path_factory.mktemp("models"), kernel=1, layers=2)


@pytest.fixture(scope="session")
def named_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of names, for workers with a fake network."""
    return name_models(tmp_path_factory.mktemp("named"), "fake/1")


@pytest.fixture(scope="package")
def door(models: Path) -> Iterator[Gateway]:
    """Engine and gateway, with a worker that is only pretended: for what is refused."""
    with (
        place(
            models,
            queue_limit="3",
            body_limit_bytes="4000000",
            decode_timeout_seconds="20",
            decode_processes="2",
        ) as where,
        engine(where),
    ):
        pretend_worker(where)
        with gateway(where) as gate:
            yield gate


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Engine and worker, whose network has fast steps as the shipped one."""
    models = registry(tmp_path_factory.mktemp("models"))
    with place(models, decode_processes="2") as where, engine_process(where), worker(where):
        yield where


@pytest.fixture(scope="package")
def gate(home: Place) -> Iterator[Gateway]:
    """A whole service."""
    with gateway(home) as gate:
        eventually(lambda: gate.client.get("/readyz").status_code == 200)
        yield gate


@pytest.fixture(scope="package")
def client(gate: Gateway) -> httpx.Client:
    return gate.client


@pytest.fixture(scope="package")
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
