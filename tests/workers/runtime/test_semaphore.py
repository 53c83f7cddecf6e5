"""FairSemaphore: fair, weighted, and empty again in the end."""

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from echocast.workers.runtime.semaphore import FairSemaphore
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import until


def test_who_takes_the_whole_room_is_alone_and_is_not_overtaken() -> None:
    semaphore, order = FairSemaphore(3), []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with semaphore.take(1):
            entered.set()
            leave.wait()
            order.append("first")

    def take(amount: int, name: str) -> None:
        with semaphore.take(amount):
            order.append(name)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    entered.wait()
    for place, (amount, name) in enumerate(((3, "alone"), (1, "after")), start=1):
        threads.append(threading.Thread(target=take, args=(amount, name)))
        threads[-1].start()
        until(lambda place=place: len(semaphore._queue) == place)
    assert order == []
    leave.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "alone", "after"]


def test_an_amount_beyond_the_capacity_is_the_whole_room() -> None:
    with FairSemaphore(2).take(100):
        pass


def test_an_error_inside_leaves_the_room_empty() -> None:
    semaphore = FairSemaphore(1)
    for _ in range(3):
        try:
            with semaphore.take(1):
                raise ValueError
        except ValueError:
            pass


@settings(max_examples=25, deadline=None)
@given(amounts=st.lists(st.integers(1, 6), max_size=12), capacity=st.integers(1, 5))
def test_never_more_inside_than_fits_and_everybody_gets_in(
    amounts: list[int], capacity: int
) -> None:
    semaphore, lock = FairSemaphore(capacity), threading.Lock()
    inside = peak = visits = 0

    def visit(amount: int) -> None:
        nonlocal inside, peak, visits
        with semaphore.take(amount):
            with lock:
                inside += min(amount, capacity)
                peak, visits = max(peak, inside), visits + 1
            time.sleep(0.0005)
            with lock:
                inside -= min(amount, capacity)

    threads = [threading.Thread(target=visit, args=(amount,)) for amount in amounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert visits == len(amounts)
    assert peak <= capacity
    assert inside == 0
