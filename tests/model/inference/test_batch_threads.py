"""A batch taken apart: one thread a part, and the results in their order."""

import threading
import time

import pytest
import torch

from echocast.model.inference.batch_threads import map_in_threads
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_every_thread_runs_one_part_alone_and_the_order_is_kept():
    both_run = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def run(items):
        both_run.wait()
        return [(item, len(items), torch.get_num_threads()) for item in items]

    assert map_in_threads(run, "abcde") == [
        ("a", 2, 1),
        ("b", 2, 1),
        ("c", 3, 1),
        ("d", 3, 1),
        ("e", 3, 1),
    ]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_single_item_has_all_threads_and_stays_where_it_is():
    here = threading.get_ident()
    assert map_in_threads(lambda _: [(threading.get_ident(), torch.get_num_threads())], "a") == [
        (here, 2)
    ]


@pytest.mark.usefixtures("two_threads")
def test_fewer_items_than_threads_stay_together_and_have_them_all():
    torch.set_num_threads(4)
    assert (
        map_in_threads(lambda items: [(items, torch.get_num_threads())] * 3, "abc")
        == [("abc", 4)] * 3
    )


@pytest.mark.usefixtures("two_threads")
def test_small_items_have_one_thread_each_however_few_they_are():
    def run(items):
        return [(items, torch.get_num_threads())] * len(items)

    assert map_in_threads(run, "a", small=True) == [("a", 1)]
    torch.set_num_threads(4)
    assert map_in_threads(run, "abc", small=True) == [("a", 1), ("b", 1), ("c", 1)]
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("two_threads")
def test_a_part_that_fails_is_told_once_the_others_have_ended():
    ended, failing = [], threading.Event()

    def run(items):
        if "a" in items:
            failing.set()
            raise RuntimeError("a is bad")
        assert failing.wait(PATIENCE_SECONDS)
        time.sleep(0.1)
        ended.append(items)
        return items

    with pytest.raises(RuntimeError, match="a is bad"):
        map_in_threads(run, ["a", "b"])
    assert ended == [["b"]]
