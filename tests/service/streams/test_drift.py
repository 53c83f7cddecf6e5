"""Drift through HTTP: one sentence about every stream, and what Prometheus reads of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from echocast.model.drift.detector import Drift
from echocast.service.streams.drift import StreamDrift
from tests.service.bodies import is_problem
from tests.service.streams.stream_feed import declare


def test_a_new_stream_says_that_too_little_is_known(door: Any) -> None:
    client = door.client
    declare(client, "fresh")
    answer = client.get("/streams/fresh/drift").json()
    assert answer["summary"].startswith("Too little rain yet to tell: 0 of ")
    assert answer["alerts"] == []
    assert answer["upto"] is None
    assert {chart["chart"] for chart in answer["charts"]} == {"cusum", "ewma"}
    assert all(chart["statistic"] < chart["limit"] for chart in answer["charts"])
    assert all(sample["blocks"] == 0 < sample["floor"] for sample in answer["samples"])


def test_what_was_charted_ends_after_the_first_frame() -> None:
    """A stream that begins at 4:00 is told by its first block, 0:00 to 6:00."""
    view = StreamDrift.of("home", Drift(upto=datetime(2026, 7, 1, tzinfo=UTC)))
    assert view.upto == datetime(2026, 7, 1, 6, tzinfo=UTC)


def test_an_unknown_stream_has_no_drift(door: Any) -> None:
    client = door.client
    is_problem(client.get("/streams/nobody/drift"), 404, "unknown-stream")


def test_alerts_charts_and_floors_are_exported(door: Any) -> None:
    client = door.client
    declare(client, "exported")
    text = client.get("/metrics").text
    for alert in ("skill_drift", "bias_shift", "input_fault", "seasonal_drift"):
        line = f'echocast_stream_drift_alert{{alert="{alert}",stream="exported"}} 0.0'
        assert line in text
    assert 'echocast_stream_drift_limit{chart="cusum",series="skill"}' in text
    assert 'drift_statistic{chart="ewma",series="intensities",stream="exported"} 0.0' in text
    assert 'drift_samples{series="against_canary",stream="exported"} 0.0' in text
    assert 'echocast_stream_drift_sample_floor{series="skill"}' in text
