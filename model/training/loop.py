"""The training loop: batches to a run, step after step, saved and logged as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from rich.progress import Progress

from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from echocast.model.training.step import Report
from echocast.model.training.tensorboard import MovingCsi, training_log
from echocast.model.training.windows import WindowStore


def train_on_windows(
    run: Run,
    stores: Sequence[WindowStore],
    bar: Progress,
    *,
    until: int | None = None,
    threads: int = 0,
    on_step: Callable[[Report], None] | None = None,
) -> float:
    """Go on until the run is complete, with a progress bar and a log for TensorBoard.

    Args:
        run: What is trained.
        stores: The windows.
        bar: Shows the loss, and the skill of the latest batches.
        until: See :func:`train`.
        threads: That draw batches ahead; 0: each is drawn when it is needed.
        on_step: Called in the process that leads, after each step.

    Returns:
        Share of the time that was spent waiting for windows, 0..1.

    Raises:
        NonFiniteLoss: The loss of a step is no number.
        ModelError: A checkpoint or the log can't be written.
    """
    loader, started = Loader(Sampler(stores, run.config, run.group), threads), time.monotonic()
    steps, leads, csi = run.config.steps, run.group.leads, MovingCsi()
    task = bar.add_task("training", total=steps, completed=run.step, visible=leads)
    with training_log(run.directory, run.step, run.group) as log:
        for report in train(run, loader, until=until):
            log(report, loader.waited_seconds)
            csi.update(report)
            loss = f"training, loss {report.loss:.3f}, {csi}"
            bar.update(task, completed=report.step, description=loss)
            if leads and on_step:
                on_step(report)
    return loader.waited_seconds / max(time.monotonic() - started, 1e-9)


def train(
    run: Run, loader: Loader, *, until: int | None = None, save_every_seconds: float = 60
) -> Iterator[Report]:
    """Go on until the run is complete, saving as it goes.

    Args:
        run: What is trained.
        loader: Brings the batches.
        until: Step to stop at, if before the last one; the schedule stays that of the whole run.
        save_every_seconds: Time between two checkpoints.

    Yields:
        The report of every step.
    """
    saved, last = time.monotonic(), run.config.steps if until is None else until
    for batch in loader.batches(run.step, last):
        yield run.advance(batch)
        if time.monotonic() - saved > save_every_seconds or run.step == last:
            run.save()
            saved = time.monotonic()
