"""A warning that strangers cause is logged once a minute, with the number of those left out."""

from __future__ import annotations

import logging

from echocast.service.processes.repeated_warnings import RepeatedWarnings


def test_the_first_of_a_minute_passes_and_says_how_many_did_not() -> None:
    now = 0.0
    repeated = RepeatedWarnings(lambda: now)

    def passes(text: str, level: int = logging.WARNING) -> str:
        record = logging.LogRecord("uvicorn.error", level, "here", 1, text, ("x",), None)
        return record.getMessage() if repeated.filter(record) else ""

    assert passes("odd %s") == "odd x"
    assert [passes("odd %s") for _ in range(3)] == ["", "", ""]
    assert passes("other %s") == "other x"
    assert passes("odd %s", logging.ERROR) == "odd x"
    now = 60.0
    assert passes("odd %s") == "odd x (3 more since the last such line)"
    now = 120.0
    assert passes("odd %s") == "odd x"
