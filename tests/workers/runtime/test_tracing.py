"""Tracing is off, and nothing of it is loaded, unless a collector is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from echocast.workers.runtime import tracing
from echocast.workers.runtime.tracing import OFF, tracing_of, usable_traceparent

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "more",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SDK_DISABLED": "True"},
        {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_a_collector_tracing_is_off(more: dict[str, str]) -> None:
    assert tracing_of("worker", {}) is OFF
    assert tracing_of("worker", {**COLLECTOR, **more}) is OFF


def test_without_the_extra_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "PACKAGES", ("not.installed",))
    assert tracing_of("worker", COLLECTOR) is OFF
    assert "install 'echocast[tracing]'" in caplog.text


def test_a_span_that_is_off_is_nothing() -> None:
    with OFF.span("nowcast", PARENT, {"echocast.job": "1"}):
        OFF.past("network", 1.0)
        OFF.note({"echocast.status": "succeeded"})
        OFF.failed("internal")
        assert OFF.traceparent() == ""
    OFF.close()


def test_processes_load_nothing_that_sends() -> None:
    """The Redis client loads parts of the SDK by itself, where that is installed."""
    code = (
        "import sys, echocast.service.app, echocast.workers.worker, echocast.workers.tasks.nowcast"
    )
    shown = "; print([m for m in sys.modules if m.endswith('otlp_tracing') or '.otlp' in m])"
    command = [sys.executable, "-c", code + shown]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "wrong", ["", PARENT.upper(), PARENT + "-1", PARENT.replace("b7ad6b7169203331", 16 * "0"), "x"]
)
def test_what_is_no_traceparent_is_ignored(wrong: str) -> None:
    assert usable_traceparent(PARENT) == PARENT
    assert usable_traceparent(wrong) == ""
