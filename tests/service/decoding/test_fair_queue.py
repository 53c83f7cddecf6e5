"""A queue for few things: accounts take turns, and none can fill it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from echocast.service.decoding.fair_queue import FairQueue
from echocast.service.errors import Busy, ShareUsed


async def started(*coroutines: Coroutine[None, None, None]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    return tasks


def test_accounts_take_turns_whoever_came_first() -> None:
    order: list[str] = []

    async def run() -> None:
        queue: FairQueue[int] = FairQueue("decoder", 64)

        async def ask(account: str, name: str) -> None:
            item = await queue.get(account)
            order.append(name)
            queue.put(item)

        asked = [ask("greedy", f"greedy {k}") for k in range(4)]
        tasks = await started(*asked, ask("one", "one"), ask("other", "other"))
        queue.put(1)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert order == ["greedy 0", "one", "other", "greedy 1", "greedy 2", "greedy 3"]


def test_who_asks_now_and_then_goes_before_those_who_ask_all_the_time() -> None:
    order: list[str] = []

    async def run() -> None:
        queue: FairQueue[int] = FairQueue("decoder", 64)
        queue.put(1)

        async def ask(account: str, again: int = 0) -> None:
            item = await queue.get(account)
            order.append(account)
            await asyncio.sleep(0)
            queue.put(item)
            if again:
                await ask(account, again - 1)

        await ask("seldom")
        busy = [asyncio.create_task(ask(f"busy {k}", again=2)) for k in range(5)]
        while len(order) < 8:
            await asyncio.sleep(0)
        await asyncio.gather(ask("seldom"), *busy)

    asyncio.run(run())
    assert order.index("seldom", 1) <= 9, "one or two others had their turn already"


def test_new_accounts_do_not_keep_an_old_one_waiting() -> None:
    async def run() -> None:
        queue: FairQueue[int] = FairQueue("decoder", 64)
        queue.put(1)
        await queue.get("old")
        [waiting] = await started(queue.get("old"))  # type: ignore[arg-type]
        new = await started(*(queue.get(f"new {k}") for k in range(5)))  # type: ignore[arg-type]
        queue.put(1)
        assert await waiting == 1
        for task in new:
            task.cancel()
        await asyncio.gather(*new, return_exceptions=True)

    asyncio.run(run())


def test_one_account_leaves_places_for_others() -> None:
    async def run() -> None:
        queue: FairQueue[int] = FairQueue("decoder", 8)
        waiting = []
        for _ in range(5):
            waiting += await started(queue.get("greedy"))  # type: ignore[arg-type]
        with pytest.raises(ShareUsed, match=r"5 requests of yours .* 3 places are for others"):
            await queue.get("greedy")
        for account in ("one", "other", "third"):
            waiting += await started(queue.get(account))  # type: ignore[arg-type]
        with pytest.raises(Busy, match="8 requests wait"):
            await queue.get("fourth")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert len(queue) == 0

    asyncio.run(run())


def test_what_was_given_to_one_that_left_goes_to_the_next() -> None:
    async def run() -> None:
        queue: FairQueue[int] = FairQueue("decoder", 8)
        first, second = await started(queue.get("a"), queue.get("b"))  # type: ignore[arg-type]
        queue.put(1)
        first.cancel()
        assert await second == 1

    asyncio.run(run())
