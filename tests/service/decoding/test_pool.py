"""The pool of limited children: whatever happens to one, the next request is answered."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from echocast.model.errors import InputError, InputTooLarge, UnreadableInput
from echocast.service.decoding import pool as pool_module
from echocast.service.decoding.child_process import ChildLimits, ChildProcess
from echocast.service.decoding.pool import Pool
from echocast.service.errors import Busy
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
        "variable": None,
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


def test_a_child_that_dies_at_work_is_the_inputs_fault(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        (child,) = pool.children
        os.kill(child.process.pid, signal.SIGSTOP)
        asked = asyncio.create_task(pool.ask(request(good, tmp_path / "2")))
        await asyncio.sleep(0.1)
        os.kill(child.process.pid, signal.SIGSEGV)
        os.kill(child.process.pid, signal.SIGCONT)
        with pytest.raises(UnreadableInput) as refusal:
            await asked
        assert refusal.value.rule == "decoder-crash"
        await pool.ask(request(good, tmp_path / "3"))

    assert with_pool(work) == ["died"]


def test_a_child_that_hangs_is_killed(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        await pool.ask(request(good, tmp_path / "1"))
        (child,) = pool.children
        os.kill(child.process.pid, signal.SIGSTOP)
        with pytest.raises(InputTooLarge) as refusal:
            await pool.ask(request(good, tmp_path / "2"))
        assert refusal.value.rule == "decode-time"
        await pool.ask(request(good, tmp_path / "3"))

    assert with_pool(work, ChildLimits(2048 * MIB, 3)) == ["timeout"]


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

    assert with_pool(work, ChildLimits(768 * MIB, 60)) in ([], ["died"])


def test_too_many_waiting_are_turned_away(good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        asked = [asyncio.create_task(pool.ask(request(good, tmp_path / str(k)))) for k in range(4)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(result, Busy) for result in results) >= 1
        assert sum(isinstance(result, dict) for result in results) >= 2

    with_pool(work, backlog=2)


def test_the_child_has_no_secrets(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOCAST_KEYS", "secret")

    async def work(pool: Pool) -> None:
        await asyncio.sleep(0.3)
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
