"""The pool of limited children: whatever happens to one, the next request is answered."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from echocast.model.errors import InputError, InputTooLarge, UnreadableInput
from echocast.service.decoding import pool as pool_module
from echocast.service.decoding.child import answer_to
from echocast.service.decoding.child_process import ChildLimits, ChildProcess
from echocast.service.decoding.operations import OPERATIONS
from echocast.service.decoding.pool import Pool, _refusal
from echocast.service.errors import Busy, ChildLost
from echocast.service.http.problems import kind_of
from tests.service.bodies import netcdf

MIB = 2**20
LIMITS = ChildLimits(2048 * MIB, 60)


def request(path: Path, directory: Path) -> dict[str, Any]:
    directory.mkdir()
    return {
        "op": "decode",
        "kind": "grid",
        "paths": [str(path)],
        "directory": str(directory),
        "reading": {},
        "reference_time": None,
        "input_frames": 10,
    }


def with_pool(
    work: Callable[[Pool], Awaitable[None]], limits: ChildLimits = LIMITS, backlog: int = 8
) -> list[str]:
    """Run ``work`` beside a pool of one child; why children were replaced."""
    reasons: list[str] = []
    pool = Pool("decode", 1, limits, backlog, reasons.append)

    async def run() -> None:
        async with pool.running():
            await work(pool)

    asyncio.run(run())
    assert all(not child.alive for child in pool.children)
    return reasons


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.nc"
    path.write_bytes(netcdf())
    return path


def test_a_child_answers_many_times(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        for k in range(3):
            answer = await pool.ask(request(good, tmp_path / str(k)))
            assert answer["inputs"]["shape"] == [10, 64, 64]
            assert answer["observations"] is None

    assert with_pool(work) == []


def test_a_child_that_refused_goes_on(good: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk")

    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "good"))
        (child,) = pool.children
        for k in range(5):
            with pytest.raises(InputError):
                await pool.ask(request(junk, tmp_path / str(k)))
        await pool.ask(request(good, tmp_path / "again"))
        assert pool.children == {child}

    assert with_pool(work) == []


def test_a_child_that_holds_much_memory_is_replaced(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "RESIDENT_BYTES", 1 * MIB)

    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        await pool.ask(request(good, tmp_path / "2"))

    assert with_pool(work) == ["memory", "memory"]


def test_a_child_that_died_idle_is_replaced(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        for child in list(pool.children):
            os.kill(child.process.pid, signal.SIGKILL)
            await child.process.wait()
        await pool.ask(request(good, tmp_path / "2"))

    assert with_pool(work) == ["died"]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[signal.Signals]:
    """Signals that end the next children after they got work."""
    signals: list[signal.Signals] = []
    ask = ChildProcess.ask

    async def stop_and_ask(self: ChildProcess, asking: Any) -> dict[str, Any]:
        if not signals:
            return await ask(self, asking)
        os.kill(self.process.pid, signal.SIGSTOP)
        answer = asyncio.create_task(ask(self, asking))
        await asyncio.sleep(0.1)
        os.kill(self.process.pid, signals.pop(0))
        with suppress(ProcessLookupError):  # gone, and nothing left of it
            os.kill(self.process.pid, signal.SIGCONT)
        return await answer

    monkeypatch.setattr(ChildProcess, "ask", stop_and_ask)
    return signals


def test_only_what_crashes_two_children_is_the_inputs_fault(
    good: Path, tmp_path: Path, ends: list[signal.Signals]
) -> None:
    async def work(pool: Pool) -> None:
        ends.extend([signal.SIGSEGV, signal.SIGABRT])
        with pytest.raises(UnreadableInput) as refusal:
            await pool.ask(request(good, tmp_path / "1"))
        assert refusal.value.rule == "decoder-crash"
        assert (await pool.ask(request(good, tmp_path / "2")))["inputs"]

    assert with_pool(work) == ["died", "died"]


@pytest.mark.parametrize("second", [signal.SIGKILL, signal.SIGSEGV])
def test_children_that_are_killed_from_outside_are_not_the_inputs_fault(
    good: Path, tmp_path: Path, ends: list[signal.Signals], second: signal.Signals
) -> None:
    async def work(pool: Pool) -> None:
        ends.extend([signal.SIGKILL, second])
        with pytest.raises(ChildLost, match="may succeed"):
            await pool.ask(request(good, tmp_path / "1"))
        assert kind_of(ChildLost("")).status == 503

    assert with_pool(work) == ["died", "died"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV])
def test_another_child_is_asked_where_one_died(
    good: Path, tmp_path: Path, ends: list[signal.Signals], end: signal.Signals
) -> None:
    """Also where the first one has stored half of what it read."""

    async def work(pool: Pool) -> None:
        ends.append(end)
        asking = request(good, tmp_path / "1")
        (tmp_path / "1" / "inputs").mkdir()
        assert (await pool.ask(asking))["inputs"]["shape"] == [10, 64, 64]

    assert with_pool(work) == ["died"]


@pytest.mark.parametrize(
    ("number", "slug", "status"),
    [
        (errno.ENOSPC, "disk-full", 507),
        (errno.EROFS, "disk-full", 507),
        (errno.EFBIG, "disk-full", 507),
        (errno.EMFILE, "no-file-handles", 503),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_the_machine_is_short_of_is_not_the_inputs_fault(
    monkeypatch: pytest.MonkeyPatch, number: int, slug: str, status: int, wrapped: bool
) -> None:
    """Also where a reader took it for damage."""
    problem = OSError(number, "no")

    def fail(_: Any) -> dict[str, Any]:
        if wrapped:
            raise UnreadableInput("The file is damaged.") from problem
        raise problem

    monkeypatch.setitem(OPERATIONS, "decode", fail)
    refusal = _refusal(answer_to({"op": "decode"})["error"])
    assert (kind_of(refusal).slug, kind_of(refusal).status) == (slug, status)


def test_a_child_that_hangs_is_killed(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        (child,) = pool.children
        child.limits = ChildLimits(LIMITS.memory_bytes, 1)  # others may be slow to start
        os.kill(child.process.pid, signal.SIGSTOP)
        with pytest.raises(InputTooLarge) as refusal:
            await pool.ask(request(good, tmp_path / "2"))
        assert refusal.value.rule == "decode-time"
        await pool.ask(request(good, tmp_path / "3"))

    assert with_pool(work) == ["timeout"]


def test_memory_is_limited(good: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.nc"
    with netCDF4.Dataset(large, "w") as file:
        for name, size in (("time", 10), ("y", 4000), ("x", 4000)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",)).units = "seconds since 1970-01-01"
        file["time"][:] = 1.7e9 + 300 * np.arange(10)
        chunks = {"chunksizes": (1, 1000, 1000)}
        rain = file.createVariable("rain", "i1", ("time", "y", "x"), zlib=True, **chunks)
        rain.units = "dBZ"
        rain[:] = 1

    async def work(pool: Pool) -> None:
        with pytest.raises(InputError):
            await pool.ask(request(large, tmp_path / "1"))
        await pool.ask(request(good, tmp_path / "2"))

    assert with_pool(work, ChildLimits(768 * MIB, 60)) in ([], ["died", "died"])


def test_too_many_waiting_are_turned_away(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        asked = [asyncio.create_task(pool.ask(request(good, tmp_path / str(k)))) for k in range(4)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(result, Busy) for result in results) >= 1
        assert sum(isinstance(result, dict) for result in results) >= 2

    with_pool(work, backlog=2)


def test_the_child_has_no_secrets(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOCAST_KEYS", "secret")

    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        (child,) = pool.children
        environment = Path(f"/proc/{child.process.pid}/environ").read_bytes()
        assert b"ECHOCAST" not in environment

    with_pool(work)


def test_a_child_that_can_not_be_started_is_tried_again(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = ChildProcess.start, [OSError("no memory"), OSError("no processes")]

    async def start_later(role: str, limits: ChildLimits) -> ChildProcess:
        if failures:
            raise failures.pop()
        return await start(role, limits)

    monkeypatch.setattr(ChildProcess, "start", start_later)

    async def work(pool: Pool) -> None:
        assert (await pool.ask(request(good, tmp_path / "a")))["inputs"]

    assert with_pool(work) == []
    assert failures == []
