"""Hostile bodies through the HTTP of a real service, and what they leave behind there."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.fuzz.children import MIB
from tests.fuzz.report import Report
from tests.fuzz.requests import HostileRequest, requests
from tests.fuzz.service import Service, Taken, prepared, service

AT_A_TIME = 4
PIECE = 250  # requests between two looks at what the processes take
WARM_SHARE = 0.2  # of the run, after which nothing grows any more
MOST_GROWN_BYTES = 64 * MIB  # of one role from then to the end
MOST_DESCRIPTORS = 20  # the same
PROBLEM = "application/problem+json"

Looks = list[dict[str, Taken]]


def run(seconds: float, count: int | None, seed: int) -> Report:
    """Send requests for so long, at most so many."""
    report = Report()
    with tempfile.TemporaryDirectory() as name, service(Path(name)) as under_test:
        samples = itertools.islice(requests(Path(name), seed), count)
        end = time.monotonic() + seconds
        in_time = itertools.takewhile(lambda _: time.monotonic() < end, samples)
        looks = _send_all(under_test, in_time, report)
        report.faults += _left_behind(under_test, looks)
    return report


def _send_all(under_test: Service, samples: Iterable[HostileRequest], report: Report) -> Looks:
    looks = []
    rest = iter(samples)
    with ThreadPoolExecutor(AT_A_TIME) as senders:
        while piece := list(itertools.islice(rest, PIECE)):
            answers = senders.map(lambda sample: _answer(under_test, sample), piece)
            for sample, (outcome, fault) in zip(piece, answers, strict=True):
                name = f"{sample.target}, {sample.name}"
                report.add(outcome, fault, name, sample.target, sample.content)
            looks.append(under_test.taken())
            report.lines.append(f"{report.outcomes.total():7d} {_shown(looks[-1])}")
    return looks


def _shown(look: dict[str, Taken]) -> str:
    return "; ".join(f"{role} {taken}" for role, taken in look.items())


def _answer(under_test: Service, sample: HostileRequest) -> tuple[str, str]:
    """The outcome of a request, in a few words; and what is wrong with it."""
    try:
        answer = under_test.send(sample)
    except httpx.HTTPError as error:
        return type(error).__name__, f"no answer: {error!r}"
    if answer.is_success:
        return f"{answer.status_code}", ""
    if answer.headers.get("content-type") != PROBLEM:
        return f"{answer.status_code} without problem", answer.text[:300]
    problem = answer.json()
    slug, rule = problem["type"].rpartition(":")[2], problem.get("rule") or ""
    # Nothing is short of anything here, so that 503 and 507 would be untrue as well.
    fault = problem["detail"] if answer.is_server_error else ""
    return f"{answer.status_code} {slug} {rule}".strip(), fault


def _left_behind(under_test: Service, looks: Looks) -> Iterator[str]:
    """What must not be so after a run."""
    if under_test.living() != under_test.processes:
        yield f"of the processes {under_test.processes} only {under_test.living()} live"
        return
    prepared(under_test.client)
    if tracebacks := under_test.tracebacks():
        yield f"{tracebacks} tracebacks in the logs"
    if foreign := sorted(under_test.foreign_files()):
        yield f"{len(foreign)} files that are none of the service's own: {', '.join(foreign)}"
    yield from grown(looks[int(len(looks) * WARM_SHARE)], looks[-1])


def grown(warm: dict[str, Taken], end: dict[str, Taken]) -> Iterator[str]:
    """Roles that took more at the end than when they were warm."""
    for role, taken in end.items():
        more_bytes = taken.resident_bytes - warm[role].resident_bytes
        more_descriptors = taken.descriptors - warm[role].descriptors
        if more_bytes > MOST_GROWN_BYTES or more_descriptors > MOST_DESCRIPTORS:
            yield f"the {role} grew from {warm[role]} to {taken}"
