"""A batch in parts, each computed by one thread from beginning to end.

Threads that share every step of a batch wait for each other hundreds of times, and in a busy
process for the interpreter's lock too. Parts of a batch meet once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import chain, pairwise
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    run: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    *,
    small: bool = False,
) -> list[Result]:
    """One result per item, found by as many parts of them as torch has threads here.

    Args:
        run: One result per item, in order; in a part torch has one thread.
        items: At least one; fewer than threads are not taken apart, and have all threads, unless
            they are small.
        small: So little that threads which share an item wait longer than they compute: fewer
            items than threads have one each, too.

    Raises:
        Exception: What a part failed with, once all have ended.
    """
    threads = torch.get_num_threads()
    if threads == 1 or (len(items) < threads and not small):
        return list(run(items))
    count = min(threads, len(items))
    bounds = pairwise(len(items) * k // count for k in range(count + 1))

    def part(first: int, last: int) -> Sequence[Result]:
        torch.set_num_threads(1)  # of this thread
        try:
            return run(items[first:last])
        finally:
            torch.set_num_threads(threads)

    parts = [_pool(os.getpid(), threads).submit(part, *bound) for bound in bounds]
    wait(parts)
    return list(chain.from_iterable(done.result() for done in parts))


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: those of its parent are not there after a fork.

    A thread asks first: at its first use torch gives it the number that was set last by any other.
    """
    del process
    return ThreadPoolExecutor(threads, "part-of-a-batch", torch.get_num_threads)
