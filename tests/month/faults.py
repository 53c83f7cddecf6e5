"""How each fault of the calendar is done to the service, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.chaos.service import send
from tests.month.models import ABSURD, SECOND, THIRD, WORSE

if TYPE_CHECKING:
    from tests.month.month import Month

OLDER = timedelta(days=20)  # than now is the day that is replayed
LEFT_OF_FLOOR = 1.2  # what somebody else leaves free, of what must stay free
Step = Callable[["Month"], None]


def nothing(_: Month) -> None:
    """Do nothing."""


def fall_silent(month: Month) -> None:
    """No frames come."""
    month.radar.silent = True


def speak_again(month: Month) -> None:
    """Frames come as before."""
    month.radar.silent = month.radar.broken = False


def break_down(month: Month) -> None:
    """Frames show what cannot be."""
    month.radar.broken = True


def promote(reference: str) -> Step:
    """Have a model serve."""

    def step(month: Month) -> None:
        month.admin(f"/models/{reference}/promote", f"The month promotes {reference}.")

    return step


def has_served(reference: str) -> Step:
    """The newest forecast must be that model's."""

    def step(month: Month) -> None:
        month.expect_served(reference)

    return step


def roll_back(month: Month) -> None:
    """Have the model before serve again, after the worse one served."""
    month.expect_served(WORSE)
    month.admin("/models/rollback", "Its forecasts are far too wet.")


def take_back(month: Month) -> None:
    """Have the model before be the champion again, after it served all the time."""
    month.expect_served(ABSURD, never=True)
    month.admin("/models/rollback", "It is refused.")


def kill_valkey(month: Month) -> None:
    """Its supervisor starts it again."""
    for pid in month.service.processes("valkey"):
        send(pid, signal.SIGKILL)
    month.await_ready()


def kill_worker(month: Month) -> None:
    """Nobody starts another: `echocast up` is stopped meanwhile."""
    send(month.service.supervisor, signal.SIGSTOP)
    for pid in month.service.processes("worker"):
        send(pid, signal.SIGKILL)
    month.without_worker = True


def start_worker(month: Month) -> None:
    """`echocast up` goes on, and starts one."""
    send(month.service.supervisor, signal.SIGCONT)
    month.without_worker = False
    month.await_ready()


def replay(month: Month) -> None:
    """A day of long ago, frame by frame, into a stream of its own, of which no more comes."""
    month.replay(month.clock.now - OLDER)


def fill_disk(month: Month) -> None:
    """Somebody else takes what is free, and what is freed, but for a little more than the floor."""
    month.left_bytes = round(LEFT_OF_FLOOR * month.floor_bytes)


def free_disk(month: Month) -> None:
    """Nobody else is on it any more."""
    month.left_bytes = None
    if month.disk is not None:
        month.disk.resize(month.disk.size_bytes)


def pause(month: Month) -> None:
    """The stream is paused, and nobody sends."""
    month.radar.silent = True
    month.change_stream(paused=True)


def resume(month: Month) -> None:
    """It goes on."""
    month.change_stream(paused=False)
    month.radar.silent = False


STEPS: dict[str, tuple[Step, Step]] = {
    "outage": (fall_silent, speak_again),
    "first promotion": (promote(SECOND), has_served(SECOND)),
    "second promotion": (promote(THIRD), has_served(THIRD)),
    "absurd model, then a rollback": (promote(ABSURD), take_back),
    "worse model, then a rollback": (promote(WORSE), roll_back),
    "valkey killed": (kill_valkey, nothing),
    "replay of an older day": (replay, nothing),
    "implausible frames": (break_down, speak_again),
    "worker killed, and not started again": (kill_worker, start_worker),
    "stream paused": (pause, resume),
    "disk filled by somebody else": (fill_disk, free_disk),
}
