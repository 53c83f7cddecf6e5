"""A trial takes the newest image that is there, and says how long each part took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echocast.service.sources.errors import ImageMissing, KeyMissing
from echocast.service.sources.library import all_sources
from echocast.service.sources.listing import Call
from echocast.service.sources.trial import try_source
from tests.service.sources.played_source import played

NOON = datetime(2026, 11, 30, 12, 3, tzinfo=UTC)
CLOCK = 'kind = "clock"\nurl = "https://a.example/%Y%m%d/%H%M"'


class Files:
    """Has some addresses only."""

    def __init__(self, *urls: str) -> None:
        self.urls = urls
        self.downloads: list[str] = []

    def get(self, call: Call) -> bytes:
        raise AssertionError(call)

    def download(self, call: Call, path: Path) -> None:
        self.downloads.append(call.url)
        if call.url not in self.urls:
            raise ImageMissing(call.url)
        path.write_bytes(b"12345")


def test_the_newest_that_is_there_is_taken(tmp_path: Path) -> None:
    agency = Files("https://a.example/20261130/1150", "https://a.example/20261130/1145")
    trial = try_source(played(tmp_path, CLOCK), agency, tmp_path, NOON)
    assert agency.downloads == [f"https://a.example/20261130/{at}" for at in (1200, 1155, 1150)]
    assert trial.path.name == "played_20261130T115000"
    report = trial.to_json()
    assert report["seconds"].keys() == {"list", "fetch"}
    assert (report["bytes"], report["listed"]) == (5, 7)  # latency of 7 minutes, then half an hour
    assert datetime.fromisoformat(report["time"]) == NOON - timedelta(minutes=13)


def test_where_none_is_there_the_time_looked_at_is_said(tmp_path: Path) -> None:
    agency = Files()
    with pytest.raises(ImageMissing, match="no image of 2026-11-30 11:26 to 12:03 UTC: 7 listed"):
        try_source(played(tmp_path, CLOCK), agency, tmp_path, NOON)
    assert len(agency.downloads) == 6


def test_a_key_that_is_missing_is_named_with_where_to_get_it() -> None:
    knmi = all_sources()["knmi"]
    with pytest.raises(KeyMissing, match=r"https://developer\.dataplatform.* KNMI_API_KEY"):
        knmi.check_key({})
    knmi.check_key({"KNMI_API_KEY": "a"})
    all_sources()["opera"].check_key({})
