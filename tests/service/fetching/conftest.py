"""A service for all tests of fetching: engine and gateway, with a worker that is only pretended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from echocast.workers.archive.object_files import stream_files
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores
from tests.service.real_processes import Gateway, Place, engine, gateway, place, pretend_worker


@dataclass(frozen=True)
class Service:
    """A gateway and its files."""

    where: Place
    gate: Gateway

    def frame_times(self, stream: str, first: datetime, last: datetime) -> list[datetime]:
        """Valid times of the stored frames."""
        stores = StreamStores.of(stream_files(self.where.settings))
        return stores.frames.times(stream, TimeSpan(first, last))


@pytest.fixture(scope="package")
def service(models: Path) -> Iterator[Service]:
    with place(models, rate_per_minute="0") as where, engine(where):
        pretend_worker(where)
        with gateway(where) as gate:
            yield Service(where, gate)
