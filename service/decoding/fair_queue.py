"""A queue for few things that many want: whoever had one longest ago gets the next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from echocast.service.auth.rate_limit import FORGET_BEYOND
from echocast.service.errors import Busy, ShareUsed

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Hands out items: of the accounts that wait, the one that had an item longest ago is next.

    So a caller who asks now and then is not behind many who ask all the time. A new account counts
    as if it had an item when it came: many new accounts can't keep the others waiting.

    An account may use at most as many places as are free besides: so one account can't fill the
    queue, and a place is left for the next one.

    Args:
        noun: What is waited for, for messages.
        places: Most callers that wait.
    """

    def __init__(self, noun: str, places: int) -> None:
        self.noun = noun
        self.places = places
        self._idle: list[Item] = []
        self._waiting: dict[str, deque[asyncio.Future[Item]]] = {}
        self._turns = 0  # that were given so far
        self._last: dict[str, int] = {}  # turn of each account

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def put(self, item: Item) -> None:
        """Give an item to the account whose turn it is, or keep it, the newest first."""
        while self._waiting:
            account = min(self._waiting, key=self._last.__getitem__)
            future = self._waiting[account].popleft()
            if not self._waiting[account]:
                del self._waiting[account]
            if not future.done():
                self._note_turn(account)
                future.set_result(item)
                return
        self._idle.append(item)

    def _note_turn(self, account: str) -> None:
        self._turns += 1
        self._last[account] = self._turns

    async def get(self, account: str) -> Item:
        """An item, as soon as it is this account's turn.

        Raises:
            Busy: Too many wait.
            ShareUsed: This account has its share of the places already.
        """
        self._remember(account)
        if self._idle:
            self._note_turn(account)
            return self._idle.pop()
        self._check_place(account)
        future: asyncio.Future[Item] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(future)
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(account, future)
            raise

    def _remember(self, account: str) -> None:
        """Keep the turns of accounts, as long as they are not too many."""
        if len(self._last) > FORGET_BEYOND:
            self._last = dict.fromkeys(self._waiting, self._turns)
        self._last.setdefault(account, self._turns)

    def _check_place(self, account: str) -> None:
        waiting, own = len(self), len(self._waiting.get(account, ()))
        if waiting >= self.places:
            raise Busy(f"{waiting} requests wait for a {self.noun} already.")
        if own > self.places - waiting:
            raise ShareUsed(
                f"{own} requests of yours wait for a {self.noun} already; the other"
                f" {self.places - waiting} places are for others."
            )

    def _leave(self, account: str, future: asyncio.Future[Item]) -> None:
        """Wait no more; an item that came in the same moment goes to the next."""
        if future.done() and not future.cancelled():
            self.put(future.result())
        elif (futures := self._waiting.get(account)) and future in futures:
            futures.remove(future)
            if not futures:
                del self._waiting[account]
