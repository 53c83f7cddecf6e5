"""A pytest plugin: the last line of a run says how many tests were skipped, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Below pytest's own last line; workers of xdist report to a terminal elsewhere."""
    yield
    if terminal := session.config.pluginmanager.get_plugin("terminalreporter"):
        terminal.write_line(summary([reason(r) for r in terminal.stats.get("skipped", [])]))


def reason(report: pytest.TestReport) -> str:
    """What the test gave as its reason; one that was expected to fail gives none."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").strip() or "no reason given"


def summary(reasons: list[str]) -> str:
    """One line, the most frequent reason first."""
    if not reasons:
        return "No test was skipped."
    groups = "; ".join(f"{count}: {text}" for text, count in Counter(reasons).most_common())
    return f"{len(reasons)} tests were skipped. {groups}"
