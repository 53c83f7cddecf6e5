"""Batching: what goes together, what is left out, and what one item can do to the others."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from echocast.model.errors import is_out_of_memory
from echocast.workers.errors import ClaimLost, DeadlinePassed, OutOfMemory
from echocast.workers.inference.batch import BatchItem
from tests.patience import PATIENCE_SECONDS
from tests.workers.bench import Bench, FakeModel, Parcel
from tests.workers.conftest import until

FOR_EVER = 10 * PATIENCE_SECONDS  # who lingers so long is not waited for


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(network: FakeModel | None = None, **limits: float) -> Bench:
            made = Bench(network or FakeModel(), **limits)
            stack.callback(made.close)
            return made

        yield make


def parcels(names: str, **fields: object) -> list[Parcel]:
    return [Parcel(name, **fields) for name in names]


def test_a_lone_job_runs_at_once(bench) -> None:
    made = bench(linger_seconds=FOR_EVER)
    made.network.gate.set()
    assert made.send(Parcel("a"))[0].result(PATIENCE_SECONDS).prediction == "A"


def test_nothing_of_a_launch_is_kept_while_the_next_one_is_waited_for(bench) -> None:
    made = bench()
    made.network.gate.set()
    parcel = Parcel("a")
    known = weakref.ref(parcel)
    (answer,) = made.send(parcel)
    assert answer.result(PATIENCE_SECONDS).prediction == "A"
    del parcel, answer
    until(lambda: known() is None)


def test_the_guard_of_a_launch_hears_of_its_steps(bench) -> None:
    made = bench()
    made.occupy()
    made.send(*parcels("ab"))
    made.network.gate.set()
    until(lambda: made.steps == [2, 2])


def test_what_waits_goes_together(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(*parcels("abc"))
    made.network.gate.set()
    assert [answer.result(PATIENCE_SECONDS).prediction for answer in answers] == ["A", "B", "C"]
    assert made.network.launches == [["first"], ["a", "b", "c"]]
    assert made.listener.launches == [1, 3]
    assert answers[0].result().wait_seconds > 0


def test_it_lingers_only_for_jobs_that_are_being_prepared(bench) -> None:
    made = bench(linger_seconds=FOR_EVER)
    made.network.gate.set()
    prepared = threading.Event()

    def slowly() -> BatchItem:
        prepared.wait(PATIENCE_SECONDS)
        return made.item(Parcel("late"))

    late = made.pool.submit(made.batcher.run, slowly)
    while not made.batcher._preparing:
        time.sleep(0.001)
    early = made.pool.submit(made.batcher.run, lambda: made.item(Parcel("early")))
    until(lambda: made.batcher._waiting)
    time.sleep(0.05)  # enough for a launch without it
    prepared.set()
    assert early.result(PATIENCE_SECONDS).prediction == "EARLY"
    assert late.result(PATIENCE_SECONDS).prediction == "LATE"
    assert made.network.launches == [["early", "late"]]


def test_a_full_batch_does_not_linger(bench) -> None:
    made = bench(linger_seconds=FOR_EVER, items=1)
    made.network.gate.set()
    hold = threading.Event()
    slow = made.pool.submit(
        made.batcher.run, lambda: hold.wait(PATIENCE_SECONDS) and made.item(Parcel("slow"))
    )
    made.pool.submit(made.batcher.run, lambda: made.item(Parcel("a"))).result(PATIENCE_SECONDS)
    hold.set()
    slow.result(PATIENCE_SECONDS)


def test_other_shapes_wait_for_their_own_launch(bench) -> None:
    made = bench()
    made.occupy()
    made.send(Parcel("a"), Parcel("B", "large"), Parcel("c"), Parcel("D", "large"))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches == [["first"], ["a", "c"], ["B", "D"]]


def test_other_networks_wait_for_their_own_launch(bench) -> None:
    made = bench()
    other = FakeModel()
    other.gate.set()
    made.occupy()
    mine = made.send(Parcel("a"))
    theirs = made.pool.submit(
        made.batcher.run,
        lambda: BatchItem(other, Parcel("b"), False, time.monotonic() + FOR_EVER, lambda: False),
    )
    while len(made.batcher._waiting) < 2:
        time.sleep(0.001)
    made.network.gate.set()
    assert (
        mine[0].result(PATIENCE_SECONDS).prediction,
        theirs.result(PATIENCE_SECONDS).prediction,
    ) == ("A", "B")
    assert other.launches == [["b"]]


def test_a_batch_holds_no_more_than_its_limits(bench) -> None:
    made = bench(items=3, cost=10)
    made.occupy()
    made.send(*parcels("abcd", cost=1), *parcels("xyz", cost=6), Parcel("huge", cost=99))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches[1:] == [["a", "b", "c"], ["d", "x"], ["y"], ["z"], ["huge"]]


def test_launches_take_one_job_of_each_account_after_streams(bench) -> None:
    made = bench(items=1)
    made.occupy()
    made.send(*parcels("abc", cost=1), account="greedy")
    made.send(Parcel("x"), account="other")
    made.send(Parcel("frame"), turn=-1)
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches[1:] == [["frame"], ["a"], ["x"], ["b"], ["c"]]


def test_a_job_that_must_run_alone_does(bench) -> None:
    made = bench()
    made.occupy()
    made.send(Parcel("a"))
    made.send(Parcel("alone"), alone=True)
    made.send(Parcel("b"))
    made.network.gate.set()
    made.batcher.stop()
    assert made.network.launches[1:] == [["a", "b"], ["alone"]]


def test_a_bad_item_fails_alone(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(Parcel("a"), Parcel("b"), Parcel("bad"), Parcel("c"), Parcel("d"))
    made.network.gate.set()
    with pytest.raises(ValueError, match="bad"):
        answers[2].result(PATIENCE_SECONDS)
    good = [answer.result(PATIENCE_SECONDS).prediction for answer in answers[:2] + answers[3:]]
    assert good == ["A", "B", "C", "D"]
    assert made.listener.splits


def test_out_of_memory_halves_until_it_fits(bench) -> None:
    made = bench(FakeModel(memory=2))
    made.occupy()
    answers = made.send(*parcels("abcdefgh"))
    made.network.gate.set()
    assert [answer.result(PATIENCE_SECONDS).prediction for answer in answers] == list("ABCDEFGH")
    assert [len(launch) for launch in made.network.launches[1:]] == [8, 4, 2, 2, 4, 2, 2]
    assert all(is_out_of_memory(error) for error in made.listener.splits)


def test_what_does_not_fit_alone_is_named(bench) -> None:
    made = bench(FakeModel(memory=0))
    made.network.gate.set()
    with pytest.raises(OutOfMemory, match="memory of the device"):
        made.send(Parcel("a"))[0].result(PATIENCE_SECONDS)


def test_lost_and_late_jobs_are_dropped(bench) -> None:
    made = bench()
    made.occupy()
    lost = made.send(Parcel("lost"), is_lost=lambda: True)[0]
    late = made.send(Parcel("late"), deadline=time.monotonic() - 1)[0]
    live = made.send(Parcel("a"))[0]
    made.network.gate.set()
    with pytest.raises(ClaimLost):
        lost.result(PATIENCE_SECONDS)
    with pytest.raises(DeadlinePassed):
        late.result(PATIENCE_SECONDS)
    assert live.result(PATIENCE_SECONDS).prediction == "A"
    assert made.network.launches == [["first"], ["a"]]


def test_a_preparation_that_fails_leaves_nobody_waiting(bench) -> None:
    made = bench(linger_seconds=FOR_EVER)
    made.network.gate.set()

    def fail() -> BatchItem:
        raise ValueError("no frames")

    with pytest.raises(ValueError, match="no frames"):
        made.batcher.run(fail)
    assert made.send(Parcel("a"))[0].result(PATIENCE_SECONDS).prediction == "A"


def test_a_network_that_returns_too_few_predictions_fails_the_job(bench) -> None:
    made = bench()
    made.network.predict = lambda batch, progress: []
    made.network.gate.set()
    with pytest.raises(ValueError, match="zip"):
        made.send(Parcel("a"))[0].result(PATIENCE_SECONDS)


def test_stopping_runs_what_waits(bench) -> None:
    made = bench()
    made.occupy()
    answers = made.send(*parcels("ab"))
    made.network.gate.set()
    made.batcher.stop()
    assert [answer.result(PATIENCE_SECONDS).prediction for answer in answers] == ["A", "B"]


def ended(made: Bench) -> list[list[str]]:
    """The launches in the order of their ends, once all have ended."""
    made.network.gate.set()
    made.batcher.stop()
    return made.network.ended


def test_a_launch_lets_small_jobs_of_others_go_first(bench) -> None:
    made = bench()
    first = made.occupy(cost=10, account="greedy")
    made.send(*parcels("a"), account="greedy")
    made.send(*parcels("xy"), account="other")
    assert ended(made) == [["x", "y"], ["first"], ["a"]]
    assert first.result(PATIENCE_SECONDS).prediction == "FIRST"


def test_a_launch_of_several_threads_stands_still_while_another_goes_first(bench) -> None:
    class TwoThreads(FakeModel):
        """The rest of the launch comes to its next step while the other job is computed."""

        def predict(self, batch: Sequence[Parcel], progress: Callable[[], None]) -> list[str]:
            if batch[0].name == "x":
                at_step.wait(PATIENCE_SECONDS)
                stood.append(not passed.wait(0.05))
                return ["X"]
            answers = super().predict(batch, lambda: None)
            first, rest = (threading.Thread(target=work) for work in (progress, go_on(progress)))
            first.start()
            rest.start()
            first.join()
            rest.join()
            return answers

    def go_on(progress: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            until(lambda: not made.batcher._waiting)
            at_step.set()
            progress()
            passed.set()

        return work

    at_step, passed, stood = threading.Event(), threading.Event(), list[bool]()
    made = bench(TwoThreads())
    made.occupy(cost=10, account="greedy")
    answer = made.send(Parcel("x"), account="other")[0]
    made.network.gate.set()
    assert answer.result(PATIENCE_SECONDS).prediction == "X"
    assert stood == [True]


def test_a_launch_waits_for_no_more_than_half_its_own_cost(bench) -> None:
    made = bench()
    made.occupy(cost=10, account="greedy")
    made.send(Parcel("large", cost=6), account="one")
    made.send(*parcels("xyz", cost=2), account="other")
    assert ended(made)[:2] == [["x", "y"], ["first"]]


def test_nothing_but_streams_goes_before_a_launch_of_streams(bench) -> None:
    made = bench()
    made.occupy(cost=10, turn=-1)
    made.send(Parcel("x"), account="other")
    made.send(Parcel("frame"), turn=-1)
    assert ended(made) == [["frame"], ["first"], ["x"]]


@pytest.mark.parametrize("poison", ["first", "second"])
def test_a_job_that_must_run_alone_has_no_other_in_its_launch(bench, poison: str) -> None:
    made = bench()
    made.occupy(cost=10, account="greedy", alone=poison == "first")
    made.send(Parcel("second"), account="other", alone=poison == "second")
    assert ended(made) == [["first"], ["second"]]


def test_what_goes_first_and_fails_harms_nobody_else(bench) -> None:
    made = bench()
    first = made.occupy(cost=10, account="greedy")
    bad, good = made.send(Parcel("bad"), Parcel("x"), account="other")
    lost = made.send(Parcel("lost"), account="third", is_lost=lambda: True)[0]
    made.network.gate.set()
    with pytest.raises(ValueError, match="bad"):
        bad.result(PATIENCE_SECONDS)
    with pytest.raises(ClaimLost):
        lost.result(PATIENCE_SECONDS)
    assert good.result(PATIENCE_SECONDS).prediction == "X"
    assert first.result(PATIENCE_SECONDS).prediction == "FIRST"
