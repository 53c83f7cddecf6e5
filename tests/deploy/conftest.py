"""What tests of deployments share: a registry with one tiny network, and a watched replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.replay import Watch, watched_replay
from tests.service.conftest import models

__all__ = ["models"]


@pytest.fixture(scope="session")
def watch(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """A replay that a real Prometheus saw; one for all tests."""
    with watched_replay(models, tmp_path_factory.mktemp("prometheus")) as watched:
        yield watched
