"""Room: fair, of many sizes, empty again in the end, and never all of one account's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echocast.workers.jobs.room import Room
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import until

Enter = Callable[..., bool]


@contextmanager
def visits(room: Room) -> Iterator[Enter]:
    """Enters, at once or not at all, and stays to the end."""
    with ExitStack() as stack:

        def enter(account: str = "", pixels: int = 0, **how: bool) -> bool:
            return stack.enter_context(room.enter(account, pixels, **how, patience=0))

        yield enter


def test_who_must_be_alone_is_and_is_not_overtaken() -> None:
    room, order = Room(3, 10), list[str]()
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with room.enter("first"):
            entered.set()
            leave.wait()
            order.append("first")

    def visit(name: str, alone: bool) -> None:
        with room.enter(name, alone=alone):
            order.append(name)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    entered.wait()
    for place, name in enumerate(("alone", "after"), start=1):
        threads.append(threading.Thread(target=visit, args=(name, name == "alone")))
        threads[-1].start()
        until(lambda place=place: len(room._queue) == place)
    assert order == []
    leave.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "alone", "after"]


def test_one_that_is_larger_than_the_room_enters_an_empty_one() -> None:
    with visits(Room(2, 10)) as enter:
        assert enter("greedy", 100)
        assert not enter("greedy", 1)


def test_an_error_inside_leaves_the_room_empty() -> None:
    room = Room(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"), room.enter():
            raise ValueError("inside")


def test_an_account_that_fills_the_room_leaves_a_place_to_others() -> None:
    with visits(Room(2, 16)) as enter:
        assert [enter("greedy", 1) for _ in range(3)] == [True, True, False]
        assert enter("other", 2)
        assert not enter("other", 1)
        assert not enter("third", 1)  # there is one spare place


def test_pixels_of_one_account_leave_a_place_to_others() -> None:
    with visits(Room(9, 16)) as enter:
        assert [enter("greedy", 16), enter("greedy", 1)] == [True, False]
        assert not enter("other", 3)  # the spare place is for small ones
        assert enter("other", 2)


def test_a_small_one_does_not_wait_behind_a_large_one_of_another_account() -> None:
    room = Room(9, 16)

    def wait() -> None:
        with room.enter("greedy", 16):
            pass

    waiting = threading.Thread(target=wait)
    with visits(room) as enter:
        assert enter("greedy", 16)
        waiting.start()
        until(lambda: room._queue)
        assert enter("other", 1)
    waiting.join()


def test_work_that_may_wait_leaves_half_of_the_room_to_the_newest() -> None:
    with visits(Room(4, 16)) as enter:
        assert [enter("stream", 1, may_wait=True) for _ in range(3)] == [True, True, False]
        assert [enter("stream", 1) for _ in range(3)] == [True, True, False]
    with visits(Room(9, 16)) as enter:
        assert enter("stream", 14, may_wait=True)
        assert not enter("other stream", 1, may_wait=True)


def test_nobody_enters_beside_one_that_is_alone() -> None:
    with visits(Room(9, 16)) as enter:
        assert enter("poison", alone=True)
        assert not enter("other", 1)


@settings(max_examples=25)
@given(
    jobs=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6)), max_size=12),
    places=st.integers(1, 5),
)
def test_never_more_inside_than_fits_and_everybody_gets_in(
    jobs: list[tuple[str, int]], places: int
) -> None:
    pixels = 8
    room, lock = Room(places, pixels), threading.Lock()
    inside: list[int] = []
    peaks: list[tuple[int, int]] = []

    def visit(account: str, size: int) -> None:
        with room.enter(account, size):
            with lock:
                inside.append(size)
                peaks.append((len(inside), sum(inside)))
            time.sleep(0.0005)
            with lock:
                inside.remove(size)

    threads = [threading.Thread(target=visit, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(peaks) == len(jobs)
    assert all(count <= places + 1 and size <= pixels + 1 for count, size in peaks)
    assert not inside
