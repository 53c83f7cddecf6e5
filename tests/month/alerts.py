"""When each shipped alert would have been raised, by a real Prometheus over what was scraped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.imported_samples import prometheus_over
from tests.deploy.prometheus_files import rules
from tests.month.scrapes import Scrapes

EVALUATED = timedelta(minutes=1)
ANSWER_SECONDS = 300.0  # of a question about a month
MOST_POINTS = 10_000  # Prometheus answers no more at once
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Raised:
    """An alert, from when it is raised until it is resolved."""

    alert: str
    severity: str
    labels: Mapping[str, str]
    since: datetime
    until: datetime


def raised(scrapes: Scrapes, folder: Path, scraped_every: timedelta) -> list[Raised]:
    """Every alert over all scrapes, in order.

    Args:
        scrapes: All of them.
        folder: For the blocks of Prometheus.
        scraped_every: The longest time between two scrapes, for which a value is the newest.
    """
    path = folder / "scrapes.txt"
    scrapes.write_openmetrics(path)
    with prometheus_over(path, folder, scraped_every, ANSWER_SECONDS) as client:
        span = scrapes.times[0], scrapes.times[-1]
        alerts = [one for rule in rules() for one in _of_rule(client, rule, *span)]
    return sorted(alerts, key=lambda one: (one.since, one.alert))


def _of_rule(
    client: httpx.Client, rule: Mapping[str, Any], first: datetime, last: datetime
) -> Iterator[Raised]:
    pending = _seconds(rule.get("for", "0s"))
    series: dict[tuple[tuple[str, str], ...], list[float]] = {}
    while first <= last:
        until = min(last, first + (MOST_POINTS - 1) * EVALUATED)
        for one in _range(client, rule["expr"], first, until):
            labels = tuple(sorted(one["metric"].items()))
            series.setdefault(labels, []).extend(float(at) for at, _ in one["values"])
        first = until + EVALUATED
    for labels, times in series.items():
        for begin, end in _unbroken(times):
            if end - begin >= pending:
                since = datetime.fromtimestamp(begin + pending, UTC)
                until = datetime.fromtimestamp(end, UTC)
                name, severity = rule["alert"].removeprefix("Echocast"), rule["labels"]["severity"]
                yield Raised(name, severity, dict(labels), since, until)


def _range(
    client: httpx.Client, expression: str, first: datetime, last: datetime
) -> Sequence[Mapping[str, Any]]:
    query = {
        "query": expression,
        "start": f"{first.timestamp()}",
        "end": f"{last.timestamp()}",
        "step": f"{EVALUATED.total_seconds():g}",
    }
    answer = client.get("/api/v1/query_range", params=query)
    assert answer.status_code == 200, answer.text
    result: Sequence[Mapping[str, Any]] = answer.json()["data"]["result"]
    return result


def _unbroken(times: Sequence[float]) -> Iterator[tuple[float, float]]:
    """First and last of evaluations that follow each other."""
    begin = before = None
    for time in sorted(times):
        if before is None or time - before > 1.5 * EVALUATED.total_seconds():
            if begin is not None:
                yield begin, before
            begin = time
        before = time
    if begin is not None:
        yield begin, before


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * UNITS[duration[-1]]
