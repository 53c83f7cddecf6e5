"""The TensorBoard log of a training run, and the skill of its latest batches."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import isnan
from pathlib import Path
from typing import Any, BinaryIO

import typer

from echocast.model.errors import ModelError
from echocast.model.training.distributed import ProcessGroup
from echocast.model.training.step import Report

FOLDER = "tensorboard"  # below the run's
SHOWN_DBZ = 30.0
FADING = 0.95  # of the counts, a step

Log = Callable[[Report, float], None]
WriteEvent = Callable[..., None]  # takes the fields of TensorBoard's event


class MovingCsi:
    """Critical success index of the latest batches: counts that fade, and are divided last."""

    def __init__(self) -> None:
        self._hits = self._events = 0.0

    def update(self, report: Report) -> None:
        """Take note of a step."""
        hits, misses, false_alarms, _ = report.tables[SHOWN_DBZ].counts
        self._hits = FADING * self._hits + hits
        self._events = FADING * self._events + hits + misses + false_alarms

    def __str__(self) -> str:
        """As the progress bar shows it; n/a as long as no pixel had the event or its forecast."""
        index = f"{self._hits / self._events:.3f}" if self._events else "n/a"
        return f"CSI-{SHOWN_DBZ:g} {index}"


def _say_nothing(_report: Report, _waited: float) -> None:
    """Where nothing is logged."""


@contextmanager
def training_log(run: Path, step: int, group: ProcessGroup) -> Iterator[Log]:
    """A log for TensorBoard below the run's folder, written by the process that leads.

    Scalars: loss, its parts, learning rate, norm of the gradient before clipping, CSI by threshold
    of the batch's frames that ran freely, where there were any, and the share of the time that was
    spent waiting for windows. A run that goes on replaces what was logged after ``step``. Each step
    is handed to the operating system at once: a kill loses none of them.

    Args:
        run: Folder of the run.
        step: Steps that are done.
        group: Whose processes train.

    Yields:
        To be called with each report, and with the seconds waited so far.

    Raises:
        ModelError: It can't be written, as where the disk is full.
    """
    if not group.leads:
        yield _say_nothing
        return
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        typer.echo("No TensorBoard log: install tensorboard, or echocast[train].", err=True)
        yield _say_nothing
        return
    with _event_file(run / FOLDER, step) as write:
        yield _logging_with(write)


def _logging_with(write: WriteEvent) -> Log:
    """Each report becomes one event with all its scalars."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    before = time.monotonic(), 0.0

    def log(report: Report, waited: float) -> None:
        nonlocal before
        now = time.monotonic(), waited
        seconds = max(now[0] - before[0], 1e-9)
        scalars = {**scalars_of(report), "waiting_share": (now[1] - before[1]) / seconds}
        before = now
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        write(step=report.step, summary=Summary(value=values))

    return log


@contextmanager
def _event_file(folder: Path, step: int) -> Iterator[WriteEvent]:
    """A new file of events for TensorBoard, closed at the end whatever happens.

    TensorBoard's own writer hands events to a thread. Where the disk is full that thread raises
    later, in no one's call, and a writer that can't be built or closed leaves it running. Here
    the caller writes: its errors are its own, and there is no thread to join.
    """
    with _failing_clearly(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _file_name()).open("xb")
    try:
        write = _event_writer(file, folder)
        _begin(write, step)
        yield write
    except BaseException:
        with suppress(OSError):  # the first error is the one that is reported
            file.close()
        raise
    with _failing_clearly(folder):
        file.close()


def _file_name() -> str:
    """As TensorBoard's writers name files, with microseconds: a folder's are read in this order."""
    return f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}"


def _event_writer(file: BinaryIO, folder: Path) -> WriteEvent:
    """Write events as length-prefixed records with checksums, each flushed at once."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    records = RecordWriter(file)

    def write(**fields: Any) -> None:
        with _failing_clearly(folder):
            records.write(Event(wall_time=time.time(), **fields).SerializeToString())
            records.flush()

    return write


def _begin(write: WriteEvent, step: int) -> None:
    """The file's version, and that events of earlier files after ``step`` are void."""
    from tensorboard.compat.proto.event_pb2 import SessionLog

    write(file_version="brain.Event:2")
    write(step=step + 1, session_log=SessionLog(status=SessionLog.START))


@contextmanager
def _failing_clearly(folder: Path) -> Iterator[None]:
    """An error of the disk becomes a sentence."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"The TensorBoard log in {folder} could not be written: {error}. The last checkpoint"
            " is still there; the same command goes on from it."
        ) from error


def scalars_of(report: Report) -> dict[str, float]:
    """What is logged of a step, by TensorBoard's tag."""
    skill = {f"csi/{t:g}_dbz": x.critical_success_index for t, x in report.tables.items()}
    return {
        "loss/total": report.loss,
        "loss/intensity": report.intensity_loss,
        "loss/exceedance": report.exceedance_loss,
        "learning_rate": report.rate,
        "gradient_norm": report.gradient_norm,
        **{name: value for name, value in skill.items() if not isnan(value)},
    }
