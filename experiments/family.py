"""All members of the family at one small budget, on moving digits and on radar windows.

    echocast train windows experiments/windows.json --data RADAR --output TRAIN
    echocast train windows experiments/windows-family.json --data RADAR --output JUDGE
    python -m experiments.family --train TRAIN --judge JUDGE --work WORK

Every member has the same width, kernel, steps, batches and seeds. Digits: two of them bounce in
64 x 64 pixels, 10 frames in, 10 out, patches of 4, plain squared error, no extrapolation (the
control, which lives on extrapolation, has no place there). Radar: the network of the shipped
models, made narrow, on 64 x 64 windows in the moving frame. A run that is finished is kept in WORK,
one that was stopped goes on; written to ``experiments/``: ``family.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from echocast.model.cli.progress import progress
from echocast.model.extrapolation.area_matched import decoded_field
from echocast.model.network.config import CONTROL, FAMILIES, PAPER, RADAR_SMALL, NetworkConfig
from echocast.model.network.network import SCALE_DBZ, Context, Network
from echocast.model.training.config import TrainingConfig
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Batch, Sampler, batch_of, check_bases
from echocast.model.training.windows import DBZ_PER_COUNT, MISSING_COUNT, WindowStore
from echocast.model.verification.calibration import (
    BINS,
    ExceedanceCounts,
    class_counts,
    leave_one_out,
)
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    DECODED,
    EXTRAPOLATION,
    FORECAST_THRESHOLDS_DBZ,
    label,
)
from experiments import video_scores
from experiments.family_page import write
from experiments.gate_saturation import saturated_share
from experiments.moving_digits import FRAME, drawn_digits, read_digits, sequence, window

INPUTS, OUTPUTS = 10, 10
SCORES = {
    "mse": video_scores.squared_error_sum,
    "mae": video_scores.absolute_error_sum,
    "ssim": video_scores.structural_similarity,
    "sharpness": video_scores.gradient_sharpness,
}
AT_ONCE = 20  # windows judged together
HERE = Path(__file__).parent


def network_of(protocol: str, family: str, width: int) -> NetworkConfig:
    """The network that a member is in a protocol."""
    if protocol == "digits":
        return replace(PAPER, family=family, hidden_channels=width, kernel=3)
    layers = 2 if family == CONTROL else RADAR_SMALL.layers
    alone = replace(RADAR_SMALL, control_widths=(), hidden_channels=width, layers=layers)
    return replace(alone, family=family)


def digit_store(folder: Path, count: int, seed: int, idx: Path | None) -> WindowStore:
    """Windows of moving digits; even digits of an IDX file train (seed 1), odd ones judge."""
    if not (folder / "windows.json").exists():
        rng = np.random.default_rng(seed)
        digits = drawn_digits(1000, rng) if idx is None else read_digits(idx)[seed % 2 :: 2]
        WindowStore.save(folder, [window(sequence(digits, rng)) for _ in range(count)])
    return WindowStore.load(folder)


def radar_store(folder: Path, source: Path) -> WindowStore:
    """The middle 64 x 64 pixels of the stored windows of ten frames in, ten out."""
    if not (folder / "windows.json").exists():
        stored = WindowStore.load(source)
        edge = (stored.counts.shape[-1] - FRAME) // 2
        middle = slice(edge, edge + FRAME)
        fitting = [
            (np.array(counts[:, middle, middle]), info)
            for counts, info in zip(stored.counts, stored.infos, strict=True)
            if (info.inputs, info.outputs) == (INPUTS, OUTPUTS)
        ]
        WindowStore.save(folder, fitting)
    return WindowStore.load(folder)


def batches(store: WindowStore, config: NetworkConfig) -> Iterator[tuple[Batch, list[str]]]:
    """All windows in order, as they are, with the names of their events."""
    for first in range(0, len(store), AT_ONCE):
        infos = store.infos[first : first + AT_ONCE]
        counts = store.counts[first : first + AT_ONCE]
        valid = torch.from_numpy((counts != MISSING_COUNT).astype(np.float32))[:, :, None]
        values = torch.from_numpy(counts * np.float32(DBZ_PER_COUNT / SCALE_DBZ))[:, :, None]
        pixels = valid[:, : INPUTS + OUTPUTS].sum((0, 2, 3, 4))
        batch = batch_of(values * valid, valid, infos, config.base, pixels)
        yield batch, [info.event for info in infos]


@torch.inference_mode()
def forecast(network: Network, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Frames (window, lead, y, x), 0 to 1, and probabilities (window, lead, threshold, y, x)."""
    frames = batch.frames[:, :INPUTS]
    shown = [*frames[:, :-1].unbind(1), *batch.bases.unbind(1)]
    rolled = network.roll_out(
        frames, shown, batch.valid[:, :INPUTS], batch.context, first=INPUTS - 1
    )
    parts = [(p.frame[:, 0].clamp(0, 1), p.exceedance_logits.sigmoid()) for p in rolled]
    made, probabilities = (torch.stack(kind, 1).numpy() for kind in zip(*parts, strict=True))
    return made, probabilities


class Judge:
    """Adds up what is scored: pictures by the papers' scores, events by counts."""

    def __init__(self) -> None:
        self.pictures: dict[str, list[np.ndarray]] = {name: [] for name in SCORES}
        self.tables = dict.fromkeys(FORECAST_THRESHOLDS_DBZ, ContingencyTable())
        self.probabilities: dict[str, ExceedanceCounts] = {}

    def add(self, made: np.ndarray, batch: Batch) -> None:
        """Take note of frames (window, lead, y, x); what nobody saw is 0 in both."""
        valid = batch.valid[:, INPUTS:, 0].numpy() > 0
        observed = batch.frames[:, INPUTS:, 0].numpy()
        for name, score in SCORES.items():
            self.pictures[name].append(score(made * valid, observed).ravel())
        for threshold in FORECAST_THRESHOLDS_DBZ:
            level = threshold / SCALE_DBZ - 1e-6
            events = ContingencyTable.of_events(made[valid] >= level, observed[valid] >= level)
            self.tables[threshold] += events

    def add_probabilities(self, probabilities: np.ndarray, batch: Batch, events: list[str]) -> None:
        """Add probabilities (window, lead, threshold, y, x)."""
        thresholds = RADAR_SMALL.exceedance_thresholds_dbz
        for number, event in enumerate(events):
            valid = batch.valid[number, INPUTS:, 0].numpy() > 0
            observed = batch.frames[number, INPUTS:, 0].numpy()[valid]
            rows = [
                class_counts(
                    probabilities[number, :, k][valid], observed >= threshold / SCALE_DBZ - 1e-6
                )
                for k, threshold in enumerate(thresholds)
            ]
            counts = ExceedanceCounts(thresholds, np.stack(rows))
            self.probabilities[event] = (
                self.probabilities[event] + counts if event in self.probabilities else counts
            )

    def scores(self) -> dict[str, Any]:
        """Means over frames; CSI of pooled counts, of the frames and of decided probabilities."""
        result: dict[str, Any] = {
            name: finite_mean(np.concatenate(parts)) for name, parts in self.pictures.items()
        }
        result["frames"] = int(sum(map(len, self.pictures["mse"])))
        result["csi"] = {f"{t:g}": table.scores() for t, table in self.tables.items()}
        if len(self.probabilities) > 1:
            result["csi_decided"] = self._decided()
        return result

    def _decided(self) -> dict[str, Any]:
        """Probability thresholds of the other events, per threshold pooled over the events."""
        chosen, thresholds = (
            leave_one_out(self.probabilities),
            RADAR_SMALL.exceedance_thresholds_dbz,
        )
        return {
            f"{t:g}": sum(
                (
                    counts.table(k, round(chosen[event][k] * BINS))
                    for event, counts in self.probabilities.items()
                ),
                ContingencyTable(),
            ).scores()
            for k, t in enumerate(thresholds)
            if t in FORECAST_THRESHOLDS_DBZ
        }


def finite_mean(values: np.ndarray) -> float:
    """Without the infinite sharpness of a dry frame that was forecast dry."""
    return float(values[np.isfinite(values)].mean())


class Recording:
    """A network's steps, and what they were given."""

    def __init__(self, network: Network) -> None:
        self.network, self.given = network, list[Tensor]()

    def initial_state(self, batch: int, height: int, width: int) -> Any:
        """The network's."""
        return self.network.initial_state(batch, height, width)

    def step(self, planes: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The network's."""
        self.given.append(planes)
        return self.network.step(planes, state)

    def advance(self, planes: Tensor, state: Any) -> Any:
        """The network's."""
        return self.step(planes, state)[1]


def saturation(network: Network, store: WindowStore) -> list[float | None]:
    """Share of forgotten memory per layer on the first windows; None without a memory C."""
    batch, _ = next(batches(store, network.config))
    recording, frames = Recording(network), batch.frames[:, :INPUTS]
    shown = [*frames[:, :-1].unbind(1), *batch.bases.unbind(1)]
    valid = batch.valid[:, :INPUTS]
    with torch.inference_mode():
        list(network.roll_out(frames, shown, valid, batch.context, recurrence=recording))
    return [None if x != x else x for x in saturated_share(network, recording.given)]


def judged(network: Network, store: WindowStore) -> dict[str, Any]:
    """The scores of a trained member."""
    judge = Judge()
    for batch, events in batches(store, network.config):
        made, probabilities = forecast(network, batch)
        judge.add(made, batch)
        if probabilities.shape[2]:
            judge.add_probabilities(probabilities, batch, events)
    return {**judge.scores(), "saturation": saturation(network, store)}


def references(protocol: str, store: WindowStore) -> dict[str, Any]:
    """The scores of what is not trained."""
    config = network_of(protocol, "mim", 8)
    judges: dict[str, Judge] = {}
    for batch, _ in batches(store, config):
        newest = np.repeat(batch.frames[:, INPUTS - 1 : INPUTS, 0].numpy(), OUTPUTS, 1)
        made = {"last frame": newest}
        if protocol == "radar":
            made = {EXTRAPOLATION: newest, "damped extrapolation": batch.bases[:, :, 0].numpy()}
            made[label(DECODED)] = decoded(newest, batch.context)
        for name, frames in made.items():
            judges.setdefault(name, Judge()).add(frames, batch)
    return {name: judge.scores() for name, judge in judges.items()}


def decoded(newest: np.ndarray, context: Context) -> np.ndarray:
    """Decoded extrapolation of newest frames (window, lead, y, x), in the moving frame."""
    minutes, pixel_km = context.step_minutes.tolist(), context.pixel_km.tolist()
    return np.stack(
        [
            [
                decoded_field(SCALE_DBZ * frame, step * (lead + 1), km) / SCALE_DBZ
                for lead, frame in enumerate(frames)
            ]
            for frames, step, km in zip(newest, minutes, pixel_km, strict=True)
        ]
    ).astype(np.float32)


def trained(config: TrainingConfig, folder: Path, stores: Mapping[str, WindowStore], bar: Any):
    """The scores of one run: those that were kept, or the run's, gone on with."""
    finished = folder / "scores.json"
    if finished.exists():
        result = json.loads(finished.read_text())
        if TrainingConfig.from_json(result["training"]) == config:
            return result
    check_bases(stores.values(), config.network)
    run = Run(config, folder)
    run.resume()
    task, sampler = (
        bar.add_task(folder.name, total=config.steps),
        Sampler([stores["train"]], config),
    )
    began, first = time.process_time(), run.step
    for report in train(run, Loader(sampler)):
        message = f"{folder.name}: loss {report.loss:.3f}"
        bar.update(task, completed=report.step, description=message)
    seconds = (time.process_time() - began) / max(run.step - first, 1)
    network = run.averaged().eval()
    result = {
        "training": config.to_json(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "cpu_seconds_a_step": round(seconds, 3),
        **judged(network, stores["judge"]),
    }
    finished.write_text(json.dumps(result))
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and judge whatever is not done yet, and write the page after every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--train", type=Path, help="windows to train on; without: digits only")
    parser.add_argument("--judge", type=Path, help="windows of other events to judge on")
    parser.add_argument("--digits", type=Path, help="IDX file of digits; without: drawn ones")
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--protocols", nargs="+", default=["radar", "digits"])
    parser.add_argument("--families", nargs="+", default=[*FAMILIES, CONTROL])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--windows", type=int, nargs=2, default=[1000, 100], help="of digits")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    stores = {protocol: stores_of(protocol, options) for protocol in options.protocols}
    made: dict[str, Any] = {
        protocol: {
            "references": references(protocol, of_protocol["judge"]),
            "windows": {name: len(store) for name, store in of_protocol.items()},
            "runs": {},
        }
        for protocol, of_protocol in stores.items()
    }
    with progress() as bar:
        for seed, protocol, family in product(options.seeds, options.protocols, options.families):
            if (protocol, family) != ("digits", CONTROL):
                config = training_of(protocol, family, seed, options)
                folder = options.work / f"{protocol}-{family}-{seed}"
                result = trained(config, folder, stores[protocol], bar)
                made[protocol]["runs"].setdefault(family, {})[str(seed)] = result
                write(options.output, made)


def stores_of(protocol: str, options: argparse.Namespace) -> dict[str, WindowStore]:
    """Windows to train on and to judge on."""
    if protocol == "digits":
        many, few = options.windows
        sets = {"train": (many, 1), "judge": (few, 2)}
        return {
            name: digit_store(options.work / f"digits-{name}", count, seed, options.digits)
            for name, (count, seed) in sets.items()
        }
    return {
        name: radar_store(options.work / f"radar-{name}", getattr(options, name))
        for name in ("train", "judge")
    }


def training_of(
    protocol: str, family: str, seed: int, options: argparse.Namespace
) -> TrainingConfig:
    """What one run computes."""
    return TrainingConfig(
        network_of(protocol, family, options.width),
        steps=options.steps,
        batch=options.batch,
        peak_rate=options.rate,
        brightness_dbz=0.0 if protocol == "digits" else 2.0,
        average=0.98,
        seed=seed,
    )


if __name__ == "__main__":
    main()
