"""The second and third stage: train a challenger from the champion, then calibrate it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from echocast.model import acceptance
from echocast.model.errors import ModelError
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import read_manifest
from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.paired_forecasts import ForecastCase
from echocast.model.training.config import TrainingConfig
from echocast.model.training.distributed import ProcessGroup
from echocast.model.training.loop import train_on_windows
from echocast.model.training.run import NonFiniteLoss, Run
from echocast.model.training.step import Report
from echocast.model.training.windows import WindowStore
from echocast.model.verification.calibration import ExceedanceCounts, choose_probability_thresholds

RATE_SHARE = 0.7  # of the champion's peak rate: each warm start begins gentler
USUAL_RATE = TrainingConfig.peak_rate
LOSSES = "losses.csv"


def training_config(
    config: RetrainingConfig, champion: Path, network: Network, name: str
) -> TrainingConfig:
    """What the run computes that starts from the champion."""
    earlier = read_manifest(champion).get("training", {}).get("peak_rate", USUAL_RATE)
    return TrainingConfig(
        network.config,
        steps=config.steps,
        batch=config.batch,
        peak_rate=config.peak_rate or RATE_SHARE * float(earlier),
        bfloat16=config.bfloat16,
        seed=config.seed,
        warm_start=name,
    )


def train_challenger(
    config: TrainingConfig,
    start: Network,
    folder: Path,
    windows: Path,
    bar: Progress,
    *,
    device: str,
    group: ProcessGroup,
) -> dict[str, Any]:
    """Train, from where an earlier attempt was saved; in the same loop as ``train``.

    Args:
        config: What to compute.
        start: The champion's network.
        folder: Of the run.
        windows: Folder of the training windows.
        bar: Shows how far it is.
        device: Where it is computed.
        group: The processes that compute it together.

    Returns:
        ``steps``, and ``failure`` in a sentence: empty where the training came to its end.
    """
    run = Run(config, folder, device=device, group=group)
    run.start_from(start)
    run.resume()
    folder.mkdir(parents=True, exist_ok=True)
    if group.leads:
        _forget_losses_after(folder / LOSSES, run.step)

    def write_loss(report: Report) -> None:
        losses.write(f"{report.step},{report.loss:.6g}\n")

    try:
        with (folder / LOSSES).open("a", buffering=1) as losses:  # a line at a time
            train_on_windows(run, [WindowStore.load(windows)], bar, on_step=write_loss)
    except NonFiniteLoss as error:  # of the data; a full disk ends this attempt alone
        return {"steps": run.step, "failure": str(error)}
    return {"steps": run.step, "failure": ""}


def _forget_losses_after(path: Path, step: int) -> None:
    """Leave out the losses of steps that an earlier attempt made and did not save."""
    rows = [row for row in losses_in(path) if row[0] <= step]
    path.write_text("".join(f"{number},{loss:.6g}\n" for number, loss in rows))


def losses_in(path: Path) -> list[tuple[int, float]]:
    """(step, loss) of every step of a run; of a line that a kill cut short, nothing."""
    text = path.read_text() if path.exists() else ""
    rows = (line.split(",") for line in text[: text.rfind("\n") + 1].splitlines())
    return [(int(step), float(loss)) for step, loss in rows]


def calibrate(
    run_folder: Path,
    output: Path,
    champion: Path,
    events: Sequence[tuple[str, Callable[[], Iterator[ForecastCase]]]],
    bar: Progress,
    *,
    device: str,
) -> dict[str, Any]:
    """Write the trained network as a checkpoint, with thresholds chosen on calibration events.

    The weight of extrapolation, and the early factor of the probability thresholds, are the
    champion's: a few events are too small a sample.

    Args:
        run_folder: Of the run.
        output: ``<name>/<version>`` folder to write.
        champion: Whose probability thresholds hold where no event has enough pixels.
        events: Names and forecast cases of events that neither train nor judge.
        bar: Shows how far it is.
        device: Where it is computed.

    Returns:
        ``cuts``, the probability thresholds, and ``failure`` in a sentence: empty where the
        checkpoint can be served.
    """
    run = Run.open(run_folder)
    parent = read_manifest(champion)
    facts = {**run.facts, "retrained_from": f"{parent['name']}/{parent['version']}"}
    checkpoint.save(run.averaged(), output, facts)
    counts = {}
    nowcaster, champions = Nowcaster.load(output, device), ExceedanceDecision.of_manifest(parent)
    for name, cases in bar.track(events, description="calibration"):
        counts[name] = _counts(nowcaster, cases(), champions)
    known = [count for count in counts.values() if count is not None]
    thresholds = (
        chosen_probability_thresholds(known, champions.probability_thresholds) if known else ()
    )
    if thresholds:
        decision = replace(champions, probability_thresholds=thresholds).to_manifest()
        checkpoint.amend(output, {**decision, "cuts_chosen_on": sorted(counts)})
    try:
        acceptance.describe(output, device)
    except ModelError as error:
        return {"cuts": thresholds, "failure": str(error)}
    return {"cuts": thresholds, "failure": ""}


def _counts(
    nowcaster: Nowcaster, cases: Iterator[ForecastCase], decision: ExceedanceDecision
) -> ExceedanceCounts | None:
    """What followed the probabilities over one event; None without probabilities."""
    total: ExceedanceCounts | None = None
    for inputs, observed in cases:
        forecast = nowcaster.nowcast(inputs)
        if forecast.exceedance_probability is None:
            return None
        counts = ExceedanceCounts.of(forecast, observed, decision)
        total = counts if total is None else total + counts
    return total


def chosen_probability_thresholds(
    events: Sequence[ExceedanceCounts], champions: Sequence[float]
) -> tuple[float, ...]:
    """Probability thresholds that events choose; the champion's where events have too few pixels.

    Args:
        events: Counts of each calibration event.
        champions: The champion's; empty where it has none.
    """
    chosen = choose_probability_thresholds(events)
    if len(champions) != len(chosen):
        return chosen
    known = [any(event.has_enough(t) for event in events) for t in range(len(chosen))]
    return tuple(
        mine if telling else theirs
        for mine, theirs, telling in zip(chosen, champions, known, strict=True)
    )
