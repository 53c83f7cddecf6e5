"""The newest forecast of a stream is asked for at every scrape: others need not be read for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from echocast.model.atomic_files import write_whole
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.forecast_store import ForecastStore, IssuedForecast

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


class WatchedFiles(LocalFiles):
    """Files that note which of them are read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, free_space_floor_bytes=0)
        self.read: list[str] = []

    def get(self, path: str) -> bytes:
        self.read.append(path.rpartition("/")[2])
        return super().get(path)


def issued(number: int, role: str) -> IssuedForecast:
    reference = BEGIN + number * STEP
    times = (reference + STEP, reference + 2 * STEP)
    name = f"{role}{number}"
    return IssuedForecast(name, "radar", reference, times, "fake", "1", (role,), {}, reference)


def test_the_newest_served_forecast_is_found_without_reading_others(tmp_path: Path) -> None:
    store = ForecastStore(LocalFiles(tmp_path, free_space_floor_bytes=0))
    stored = [
        store.issue(issued(number, role), lambda path: write_whole(path, b"a forecast"))
        for number in range(4)
        for role in ("model", "canary")
    ]
    newest = next(one for one in reversed(stored) if one.served)
    watched = WatchedFiles(tmp_path)
    assert ForecastStore(watched).latest("radar") == newest
    assert watched.read == ["20260701T001500Z.json"]
    store.remove_file(newest)
    assert store.latest("radar") == stored[-4]


def test_descriptions_of_forecasts_by_one_source_are_those_of_earlier_versions() -> None:
    """Beside workers of the version before they must be readable, which know no sources."""
    plain, mixed = issued(1, "model"), replace(issued(2, "model"), lead_sources=("network", "x"))
    assert "lead_sources" not in plain.to_json()
    for one in (plain, mixed):
        assert IssuedForecast.from_json(json.loads(json.dumps(one.to_json()))) == one
