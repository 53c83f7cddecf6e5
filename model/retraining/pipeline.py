"""A retraining from start to end: five stages, each of which writes a file to go on from."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress

from echocast.model.errors import InputError
from echocast.model.formats.stream_layout import stamp
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import verify
from echocast.model.registry.registry import Registry
from echocast.model.retraining import report
from echocast.model.retraining.collect import collect, event_cases, find_frames
from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.events import Event
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.paired_forecasts import ForecastCase, PairedForecasts, evaluate_pair
from echocast.model.retraining.promotion import decide, golden_failure, insufficient, rejected
from echocast.model.retraining.publish import PublishOptions, publish
from echocast.model.retraining.split import Split, needed
from echocast.model.retraining.stages import Work
from echocast.model.retraining.train import (
    LOSSES,
    calibrate,
    losses_in,
    train_challenger,
    training_config,
)
from echocast.model.retraining.verdict import Verdict
from echocast.model.training.distributed import SINGLE, ProcessGroup

RETRAINED = "-r"  # stands in a version before the time of its retraining


@dataclass(frozen=True)
class Retraining:
    """One retraining; :meth:`run` goes on wherever an earlier process was killed.

    Args:
        archive: The frames of streams.
        registry: The models.
        work: Where the stages leave their files.
        config: What is trained on what, and judged how.
        options: Who retrains, why, and whether to promote.
        device: Where networks run.
        group: The processes that train together; the others only train.
        bar: Shows how far it is.
        clock: Seconds, for the latency of both models.
    """

    archive: FrameArchive
    registry: Registry
    work: Work
    config: RetrainingConfig
    options: PublishOptions
    device: str = "cpu"
    group: ProcessGroup = SINGLE
    bar: Progress = field(default_factory=lambda: Progress(disable=True))
    clock: Callable[[], float] = time.perf_counter

    def run(self) -> Verdict:
        """Run all stages that have not been run; the verdict.

        Raises:
            ModelError: The folder belongs to another retraining, or to another process.
            InputError: The archive holds no frames, or lost some on the way; or ``crop`` is no
                multiple of the network's patch.
            RegistryError: The registry can't be written, or a newer retraining has begun.
        """
        if not self.group.leads:
            self._help()
            return rejected("helper", "The first process decides.")
        with self.work.locked():
            if not self.work.done("publish"):
                self.registry.stage("trial").rmdir()  # fails before long work, not after
            requested = {"archive": self.archive.url, "config": self.config.to_json()}
            self.work.begin(requested, self._choose_models)
            collected = self.work.once("collect", self._collect)
            self.group.wait()
            if not collected["missing"]:
                self.work.once("train", self._train)
                self.work.once("calibrate", self._calibrate)
            judged = self.work.once("judge", self._judge)
            self.work.once("publish", self._publish)
            shutil.rmtree(self._windows_folder, ignore_errors=True)  # large, and made again soon
        return Verdict.from_json(judged)

    def _help(self) -> None:
        """Take part in the training, if there is one; the first process does everything else."""
        self.group.wait()
        if not self._stage("collect")["missing"] and not self.work.done("train"):
            self._train()

    def _choose_models(self) -> dict[str, Any]:
        """The champion to start from and to beat, and what the challenger will be called."""
        card = self.registry.reader.card()
        self._check_crop(card.reference)
        find_frames(self.archive, self.config.streams)
        name = f"{stamp(datetime.now(UTC))}-{uuid.uuid4().hex[:4]}"
        version = f"{card.version.partition(RETRAINED)[0]}{RETRAINED}{name}"
        challenger = f"{card.name}/{version}"
        return {"id": name, "champion": card.reference, "challenger": challenger}

    def _check_crop(self, champion: str) -> None:
        network, _ = verify(self.registry.reader.resolve(champion))
        patch, crop = network.patch, self.config.crop
        if crop % patch:
            raise InputError(
                f"crop has to be a multiple of {patch} pixels, the patch of {champion}, not {crop}."
            )

    @property
    def _order(self) -> dict[str, Any]:
        return self.work.read("order")

    def _stage(self, name: str) -> dict[str, Any]:
        return self.work.read(name)

    @property
    def _windows_folder(self) -> Path:
        return self.work.folder / "windows"

    @property
    def _champion(self) -> Path:
        return self.registry.reader.resolve(self._order["champion"])

    @property
    def _challenger(self) -> Path:
        return self.work.folder / "challenger" / str(self._order["challenger"])

    @property
    def _split(self) -> Split:
        return Split.from_json(self._stage("collect")["split"])

    def _collect(self) -> dict[str, Any]:
        network, _ = verify(self._champion)
        window = network.input_frames + network.output_frames
        rules = self.config.rules.model_copy(update={"window_frames": window})
        config = self.config.model_copy(update={"rules": rules})
        return collect(self.archive, config, network, self._windows_folder, self.bar)

    def _train(self) -> dict[str, Any]:
        network, _ = checkpoint.load(self._champion)
        config = training_config(self.config, self._champion, network, self._order["champion"])
        folder, windows = self.work.folder / "run", self._windows_folder
        return train_challenger(
            config, network, folder, windows, self.bar, device=self.device, group=self.group
        )

    def _calibrate(self) -> dict[str, Any]:
        if failure := self._stage("train")["failure"]:
            return {"cuts": [], "failure": failure}
        champion = Nowcaster.load(self._champion, self.device)
        events = [(e.name, self._cases(champion, e)) for e in self._split.calibration]
        folder, output = self.work.folder / "run", self._challenger
        return calibrate(folder, output, self._champion, events, self.bar, device=self.device)

    def _judge(self) -> dict[str, Any]:
        collected = self._stage("collect")
        if collected["missing"]:
            sample = {f"{part}_events": len(events) for part, events in vars(self._split).items()}
            floors = {"training_windows": 1, **needed(self.config)}
            return insufficient(collected["missing"], floors, sample).to_json()
        if failure := self._stage("calibrate")["failure"]:
            return rejected("training", failure).to_json()
        champion, challenger = (
            Nowcaster.load(folder, self.device) for folder in (self._champion, self._challenger)
        )
        paired = []
        for event in self.bar.track(self._split.held_out, description="judging"):
            file = self._paired_file(event)
            if not file.exists():
                cases = self._cases(champion, event)()
                evaluate_pair(champion, challenger, event.name, cases, self.clock).save(file)
            paired.append(PairedForecasts.load(file))
        return decide(paired, self.config.gate, golden_failure(challenger)).to_json()

    def _cases(self, nowcaster: Nowcaster, event: Event) -> Callable[[], Iterator[ForecastCase]]:
        inputs, outputs = nowcaster.input_frames, nowcaster.output_frames
        return partial(event_cases, self.archive, event, inputs, outputs, self.config.stride)

    def _paired_file(self, event: Event) -> Path:
        # The number is that of the layout: what an older version counted is counted again.
        return self.work.folder / "judge" / f"{event.name}.2.npz"

    def _publish(self) -> dict[str, Any]:
        losses = losses_in(self.work.folder / "run" / LOSSES)
        results = report.StageResults(self._order, self._stage("collect"), losses)
        files = [self._paired_file(event) for event in self._split.held_out]
        paired = [PairedForecasts.load(file) for file in files if file.exists()]
        verdict = Verdict.from_json(self._stage("judge"))
        return publish(self.registry, self.options, results, verdict, paired, self._checkpoint)

    @property
    def _checkpoint(self) -> Path | None:
        """The challenger's; None where none was made."""
        if self._stage("collect")["missing"] or self._stage("calibrate")["failure"]:
            return None
        return self._challenger
