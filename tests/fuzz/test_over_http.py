"""A short run of the fuzz command through HTTP; and that it would find what it looks for."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz import over_http
from tests.fuzz.inputs import single_images
from tests.fuzz.over_http import run
from tests.fuzz.requests import HostileRequest, requests
from tests.fuzz.service import Taken, foreign

COUNT = 150  # the envelopes, and a part of what once did harm
OPEN = '12 openat(AT_FDCWD</srv>, "{}", O_RDONLY) = -1 ENOENT (No such file or directory)\n'


def test_hostile_bodies_leave_a_service_as_it_was() -> None:
    report = run(240, COUNT, 7)
    assert report.faults == []
    assert report.outcomes.total() > 100
    assert {"400 malformed-body", "422 contract-violation reserved-attribute"} <= set(
        report.outcomes
    )


def test_a_run_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def first(seed: int) -> list[HostileRequest]:
        folder = tmp_path / str(seed)
        folder.mkdir(exist_ok=True)
        return list(islice(requests(folder, seed), 600))

    names = [request.name for request in first(1)]
    assert names == [request.name for request in first(1)]
    assert names != [request.name for request in first(2)]
    assert {request.target for request in first(1)} == {"nowcast", "frame", "observations"}


def test_no_byte_of_a_sample_depends_on_the_time_of_day(tmp_path: Path) -> None:
    now = single_images(tmp_path)
    time.sleep(2)  # the step of the times in a zip archive
    assert single_images(tmp_path) == now


@pytest.mark.parametrize("name", ["/etc/passwd", "../etc/shadow", "/home/a/.aws/credentials", "x"])
def test_a_file_of_the_host_is_noticed(name: str) -> None:
    trace = OPEN.format("/usr/lib/libproj.so") + OPEN.format("/data/store/x") + OPEN.format(name)
    assert len(foreign(trace, ("/data",))) == 1


def test_growth_is_noticed() -> None:
    warm = {"worker": Taken(300 * 2**20, 20)}
    assert not [*over_http.grown(warm, {"worker": Taken(320 * 2**20, 25)})]
    assert [*over_http.grown(warm, {"worker": Taken(400 * 2**20, 25)})]
    assert [*over_http.grown(warm, {"worker": Taken(300 * 2**20, 60)})]
