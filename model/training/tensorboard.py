"""What a training run tells while it goes on: its TensorBoard log, and its skill so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import isnan
from pathlib import Path

import typer

from echocast.model.errors import ModelError
from echocast.model.training.distributed import Team
from echocast.model.training.step import Report

FOLDER = "tensorboard"  # below the run's
FLUSH_SECONDS = 10
SHOWN_DBZ = 30.0
FADING = 0.95  # of the counts, a step

Log = Callable[[Report, float], None]


class FadingSkill:
    """Critical success index of the latest batches: counts that fade, and are divided last."""

    def __init__(self) -> None:
        self._hits = self._events = 0.0

    def see(self, report: Report) -> None:
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
def training_log(run: Path, step: int, team: Team) -> Iterator[Log]:
    """A log for TensorBoard below the run's folder, written by the process that leads.

    Scalars: loss, its parts, learning rate, norm of the gradient before clipping, CSI by threshold
    of the batch's frames that ran freely, where there were any, and the share of the time that was
    spent waiting for windows. A run that goes on replaces what was logged after ``step``; a kill
    loses what was logged in the last ten seconds.

    Args:
        run: Folder of the run.
        step: Steps that are done.
        team: Whose processes train.

    Yields:
        To be called with each report, and with the seconds waited so far.

    Raises:
        ModelError: It can't be written, as where the disk is full.
    """
    if not team.leads:
        yield _say_nothing
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        typer.echo("No TensorBoard log: install tensorboard, or echocast[train].", err=True)
        yield _say_nothing
        return
    folder = run / FOLDER
    with _failing_clearly(folder):
        writer = SummaryWriter(str(folder), purge_step=step + 1, flush_secs=FLUSH_SECONDS)
    before = time.monotonic(), 0.0

    def log(report: Report, waited: float) -> None:
        nonlocal before
        now = time.monotonic(), waited
        seconds = max(now[0] - before[0], 1e-9)
        scalars = {**scalars_of(report), "waiting_share": (now[1] - before[1]) / seconds}
        before = now
        with _failing_clearly(folder):
            for name, value in scalars.items():
                writer.add_scalar(name, value, report.step)

    try:
        yield log
    except BaseException:
        with suppress(OSError):  # what went wrong before is what is told
            writer.close()
        raise
    with _failing_clearly(folder):
        writer.close()


@contextmanager
def _failing_clearly(folder: Path) -> Iterator[None]:
    """An error of the disk becomes a sentence."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"The TensorBoard log in {folder} could not be written: {error}. The last checkpoint"
            " still stands; the same command goes on from it."
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
