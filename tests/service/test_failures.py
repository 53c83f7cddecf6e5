"""A failure of ours is told as what it is, by an id that stands in the answer and in the log."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi.exceptions import RequestValidationError

from echocast.service.http.problems import kind_of, problem_of
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.disk_space import DiskSpace
from echocast.workers.errors import DiskFull
from echocast.workers.runtime.repeated_tracebacks import RepeatedTracebacks
from tests.service.bodies import NETCDF, is_problem, netcdf, other_storm, post
from tests.service.real_processes import Place, engine, gateway, place, pretend_worker
from tests.service.streams.stream_feed import frame_bytes, time_of

BAD_DISK = "tests.service.gateway_with_bad_disk"


@contextmanager
def bad_disk(where: Place, number: int) -> Iterator[None]:
    """The gateway's disk refuses every write in this context."""
    switch = where.data / "bad-disk"
    switch.write_text(str(number))
    try:
        yield
    finally:
        switch.unlink()


@pytest.fixture(scope="module")
def where(models: Path) -> Iterator[Place]:
    with place(models) as where, engine(where):
        pretend_worker(where)
        yield where


@pytest.fixture(scope="module")
def client(where: Place) -> Iterator[httpx.Client]:
    with gateway(where, BAD_DISK) as gate:
        yield gate.client


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_every_route_that_writes_says_that_the_disk_is_full(
    where: Place, client: httpx.Client, number: int
) -> None:
    stream = f"/streams/of-{number}"
    assert client.put(stream, json={"step_minutes": 5}).is_success
    job = post(client, other_storm(number)).headers["location"]
    with bad_disk(where, number):
        answers = [
            post(client, other_storm(number + 1)),
            client.put(f"{stream}/frames/{time_of(0)}", content=frame_bytes(0), headers=NETCDF),
            client.put(f"{stream}-more", json={"step_minutes": 5}),
            client.post(f"{job}/observations", content=netcdf(), headers=NETCDF),
        ]
    log = (where.data / f"{BAD_DISK}.log").read_text()
    for answer in answers:
        is_problem(answer, 507, "disk-full")
        assert os.strerror(number) in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert f"(request {answer.headers['x-request-id']})" in log
    assert "Traceback" not in log
    assert post(client, other_storm(number + 1)).status_code == 202


def test_one_cause_logs_one_traceback(where: Place, client: httpx.Client) -> None:
    log = where.data / f"{BAD_DISK}.log"
    before = log.read_text().count("Traceback")
    with bad_disk(where, errno.EIO):
        answers = [post(client, netcdf(), **{"X-Request-ID": f"mine-{n}"}) for n in range(5)]
    for number, answer in enumerate(answers):
        is_problem(answer, 500, "internal")
        assert answer.json()["request_id"] == f"mine-{number}"
        assert f"(request mine-{number})" in log.read_text()
    assert log.read_text().count("Traceback") - before == 1


def test_ids_are_short_and_harmless(client: httpx.Client) -> None:
    for sent in ("a-Z.0_9", "x" * 64):
        assert (
            client.get("/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent
        )
    ids = {client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    for sent in ("x" * 65, "two words", "%0a", '"quoted"'):
        answer = client.get("/nothing", headers={"X-Request-ID": sent})
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 7
    assert all(len(name) == 32 for name in ids)
    assert "request_id" not in client.get("/nothing").json()


def test_a_disk_that_can_only_be_read_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path, free_space_floor_bytes=0)
    archive.files.check_space()
    read_only = DiskSpace.of(tmp_path)._replace(read_only=True)
    monkeypatch.setattr(DiskSpace, "of", lambda _: read_only)
    with pytest.raises(DiskFull, match="read-only"):
        archive.files.check_space()


def test_what_a_caller_wrote_is_no_shortage() -> None:
    entry = {"loc": ("query", "from"), "msg": "out of memory", "type": "x", "input": ""}
    answer = problem_of(RequestValidationError([entry]))
    assert answer.status_code == 422
    assert kind_of(ValueError("x")).status == 500
    assert problem_of(MemoryError()).status_code == 503


def test_tracebacks_come_again_after_a_minute() -> None:
    now = 0.0
    repeated = RepeatedTracebacks(lambda: now)

    def logged(cause: type[Exception]) -> logging.LogRecord:
        try:
            raise cause("no")
        except Exception as error:
            info = (type(error), error, error.__traceback__)
            record = logging.LogRecord("x", 40, "x", 1, "%s failed", ("It",), info)
            assert repeated.filter(record)
            return record

    assert logged(ValueError).exc_info
    again = logged(ValueError)
    assert again.exc_info is None
    assert again.getMessage().startswith("It failed (ValueError at ")
    assert logged(KeyError).exc_info
    now = 61.0
    assert logged(ValueError).exc_info
