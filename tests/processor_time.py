"""A pytest plugin: a run says how much processor time it took, and which files took most of it.

Processor time, because a clock says little where others work too. That of child processes counts
for the test that runs meanwhile. Each test has it among its properties in ``--junitxml``, too.

The system forgets the time of a process that nobody waits for, as a browser's when it ends with its
parent: what was counted of it while it lived stays counted, the rest is not known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from echocast.service.benchmark.processor_time import processor_seconds

PROPERTY = "processor_seconds"
MOST_FILES = 8
UNTIL_NOW = pytest.StashKey[float]()  # when the test before had ended


def ours() -> float:
    """Of this process and its children, in seconds; 0 where the system does not count it."""
    return processor_seconds(os.getpid()) or 0.0


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first test's fixtures."""
    session.config.stash[UNTIL_NOW] = ours()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """After the test's fixtures have ended; workers of xdist report to a terminal elsewhere."""
    report = yield
    if call.when == "teardown":
        now, stash = ours(), item.config.stash
        seconds = max(0.0, now - stash[UNTIL_NOW])
        report.user_properties.append((PROPERTY, round(seconds, 2)))
        stash[UNTIL_NOW] = now
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Below pytest's own last line."""
    yield
    if terminal := session.config.pluginmanager.get_plugin("terminalreporter"):
        reports = [report for group in terminal.stats.values() for report in group]
        terminal.write_line(summary(seconds_by_file(reports)))


def seconds_by_file(reports: list[pytest.TestReport]) -> Counter[str]:
    """Processor time of the tests of each file."""
    seconds: Counter[str] = Counter()
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                seconds[report.nodeid.partition("::")[0]] += value
    return seconds


def summary(seconds: Counter[str]) -> str:
    """One line, the file that took most first."""
    files = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.most_common(MOST_FILES))
    return f"Processor time {seconds.total() / 60:.1f} min. Most in: {files}"
