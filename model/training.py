"""Training: windows in, a checkpoint out; resumable to the step.

The batch of a step depends on the seed and the number of the step alone, so a run that was killed
goes on from its last checkpoint as if nothing had happened. Optimiser state is kept in safetensors
like the weights.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.cascade import damped
from model.config import NetworkConfig
from model.dataset import DBZ_PER_COUNT, MISSING_COUNT, WindowStore
from model.losses import prediction_loss
from model.networks import SCALE_DBZ, Context, Network, channels_last

RUN_FILE = "run.safetensors"
INPUT_PHASE_WEIGHT = 0.2  # predictions of input frames teach too, but are not what is asked for


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes, beside its windows.

    Args:
        network: What is trained.
        steps: Optimiser steps in all.
        batch: Windows a step.
        peak_rate: Highest learning rate of the one-cycle schedule.
        warm_up: Share of the steps before the peak.
        weight_decay: AdamW's.
        clip: Largest gradient norm.
        average: Decay of the exponential moving average of the weights.
        brightness_dbz: Windows are brightened or dimmed by up to this much.
        balance: How far the error of the reflectivity is weighted by rain, 0..1 (model.losses).
        shares: How often each event is drawn; events not named count 1.
        bfloat16: Convolutions in bfloat16, states and loss in float32.
        seed: Of everything random.
        warm_start: Name of the run whose averaged weights this one started from; empty for none.
    """

    network: NetworkConfig
    steps: int = 2000
    batch: int = 6
    peak_rate: float = 2e-3
    warm_up: float = 0.1
    weight_decay: float = 1e-4
    clip: float = 1.0
    average: float = 0.998
    brightness_dbz: float = 2.0
    balance: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    bfloat16: bool = False
    seed: int = 1
    warm_start: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "network": self.network.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The configuration that :meth:`to_json` described; fields added since take defaults."""
        return cls(**{**value, "network": NetworkConfig.from_json(value["network"])})


@dataclass(frozen=True)
class Batch:
    """Windows of one length.

    Args:
        frames: (batch, time, 1, height, width) in network scale, missing 0.
        valid: 1 where observed.
        bases: (batch, output, 1, height, width): what the residual of each output is added to.
        inputs: Frames that are input.
        context: Step and pixel size of each.
    """

    frames: Tensor
    valid: Tensor
    bases: Tensor
    inputs: int
    context: Context


class Sampler:
    """Draws the batch of any step: windows of one length, events by their shares.

    Args:
        stores: Where the windows are.
        config: Batch size, shares, brightness and seed.
    """

    def __init__(self, stores: Sequence[WindowStore], config: TrainingConfig) -> None:
        self.stores, self.config = stores, config
        members: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for number, store in enumerate(stores):
            for index, info in enumerate(store.infos):
                members.setdefault((info.inputs, info.outputs), []).append((number, index))
        self.groups = list(members.items())
        counts: dict[str, int] = {}
        for store in stores:
            for info in store.infos:
                counts[info.event] = counts.get(info.event, 0) + 1
        self.weights = [
            np.array([self._weight(number, index, counts) for number, index in group])
            for _, group in self.groups
        ]

    def _weight(self, number: int, index: int, counts: Mapping[str, int]) -> float:
        event = self.stores[number].infos[index].event
        return self.config.shares.get(event, 1.0) / counts[event]

    def batch(self, step: int) -> Batch:
        """The batch of step ``step``."""
        rng = np.random.default_rng((self.config.seed, step))
        totals = np.array([weights.sum() for weights in self.weights])
        group = int(rng.choice(len(totals), p=totals / totals.sum()))
        (inputs, outputs), members = self.groups[group]
        chances = self.weights[group] / self.weights[group].sum()
        chosen = rng.choice(len(members), size=self.config.batch, p=chances)
        windows = [self._window(members[i], inputs + outputs, rng) for i in chosen]
        infos = [self.stores[members[i][0]].infos[members[i][1]] for i in chosen]
        frames, valid = (torch.from_numpy(np.stack(part)) for part in zip(*windows, strict=True))
        context = Context(
            torch.tensor([info.step_minutes for info in infos], dtype=torch.float32),
            torch.tensor([info.pixel_km for info in infos], dtype=torch.float32),
        )
        bases = torch.from_numpy(
            np.stack([self._bases(frames[:inputs], outputs) for frames in frames.numpy()])
        )
        return Batch(frames[:, :, None], valid[:, :, None], bases[:, :, None], inputs, context)

    def _bases(self, seen: NDArray[np.float32], outputs: int) -> NDArray[np.float32]:
        """(output, height, width) in network scale, of frames in network scale."""
        if self.config.network.base == "newest":
            return np.repeat(seen[-1:], outputs, 0)
        return damped(seen * SCALE_DBZ, outputs) / np.float32(SCALE_DBZ)

    def _window(
        self, member: tuple[int, int], length: int, rng: np.random.Generator
    ) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]:
        """One window turned, mirrored and brightened at random: network scale, and validity."""
        number, index = member
        counts = self.stores[number].counts[index, :length]
        counts = np.rot90(counts, int(rng.integers(4)), (1, 2))
        if rng.random() < 0.5:
            counts = counts[:, :, ::-1]
        valid = counts != MISSING_COUNT
        dbz = counts.astype(np.float32) * DBZ_PER_COUNT
        shift = rng.uniform(-1, 1) * self.config.brightness_dbz
        dbz = np.where(
            valid & (dbz > 5), np.clip(dbz + shift, 0, SCALE_DBZ), np.where(valid, dbz, 0)
        )
        return (dbz / SCALE_DBZ).astype(np.float32), valid.astype(np.float32)


def batch_loss(network: Network, batch: Batch, balance: float) -> Tensor:
    """Mean loss over the forecast frames, plus a little of the input phase."""
    inputs = batch.inputs
    frames, valid = batch.frames[:, :inputs], batch.valid[:, :inputs]
    bases = [*frames[:, :-1].unbind(1), *batch.bases.unbind(1)]
    total = frames.new_zeros(())
    weights = 0.0
    predictions = network.roll_out(frames, bases, valid, batch.context)
    for t, prediction in enumerate(predictions):
        weight = 1.0 if t >= inputs - 1 else INPUT_PHASE_WEIGHT
        observed, seen = batch.frames[:, t + 1], batch.valid[:, t + 1]
        total = total + weight * prediction_loss(
            type(prediction)(*(p.float() for p in prediction)),
            observed,
            seen,
            network.config.exceedance_thresholds_dbz,
            balance,
        )
        weights += weight
    return total / weights


class Run:
    """One training run: network, average, optimiser, schedule, and where they are kept.

    Args:
        config: What to compute.
        directory: Where checkpoints go.
    """

    def __init__(self, config: TrainingConfig, directory: Path) -> None:
        torch.manual_seed(config.seed)
        self.config, self.directory, self.step = config, directory, 0
        self.network = channels_last(Network(config.network))
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.peak_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.99),
        )

    def rate(self) -> float:
        """Learning rate of the current step: a rise, then half a cosine down to nothing."""
        done = self.step / self.config.steps
        if done < self.config.warm_up:
            return self.config.peak_rate * (0.04 + 0.96 * done / self.config.warm_up)
        fall = (done - self.config.warm_up) / (1 - self.config.warm_up)
        return self.config.peak_rate * (0.5 + 0.5 * float(np.cos(np.pi * fall))) + 1e-6

    def advance(self, batch: Batch) -> float:
        """One optimiser step; returns the loss.

        Raises:
            FloatingPointError: The loss is not finite.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            loss = batch_loss(self.network, batch, self.config.balance)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(f"The loss of step {self.step} is {value}.")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimiser.step()
        self.step += 1
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for key, value_now in self.network.state_dict().items():
            self.average[key].lerp_(value_now, 1 - decay)
        return value

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((f"network/{k}", v) for k, v in self.network.state_dict().items())
        yield from ((f"average/{k}", v) for k, v in self.average.items())
        for number, state in self.optimiser.state_dict()["state"].items():
            yield from ((f"optimiser/{number}/{k}", v) for k, v in state.items())

    def save(self) -> None:
        """Write all that a resumed run needs; the old checkpoint stays until the new one stands."""
        self.directory.mkdir(parents=True, exist_ok=True)
        new = self.directory / (RUN_FILE + ".new")
        note = {"step": str(self.step), "config": json.dumps(self.config.to_json())}
        save_file({k: v.contiguous() for k, v in self._tensors()}, new, metadata=note)
        new.replace(self.directory / RUN_FILE)

    def resume(self) -> None:
        """Go on from the checkpoint in the directory, if there is one.

        Raises:
            ValueError: It was written by a run with another configuration.
        """
        path = self.directory / RUN_FILE
        if not path.exists():
            return
        note = _note(path)
        if TrainingConfig.from_json(json.loads(note["config"])) != self.config:
            raise ValueError(f"{path} belongs to a run with another configuration.")
        tensors = load_file(path)
        self.step = int(note["step"])
        self.network.load_state_dict(_below(tensors, "network/"))
        self.average = _below(tensors, "average/")
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, "optimiser/").items():
            number, _, name = key.partition("/")
            state.setdefault(int(number), {})[name] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The run that was saved in a directory.

        Raises:
            FileNotFoundError: There is none.
        """
        config = TrainingConfig.from_json(json.loads(_note(directory / RUN_FILE)["config"]))
        run = cls(config, directory)
        run.resume()
        return run

    def start_from(self, other: Run) -> None:
        """Begin with the averaged weights of another run; its optimiser is left behind."""
        self.network.load_state_dict(other.average)
        self.average = {k: v.detach().clone() for k, v in other.average.items()}

    def averaged(self) -> Network:
        """The network with the averaged weights."""
        network = Network(self.config.network)
        network.load_state_dict(self.average)
        return network


def _note(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def train(
    run: Run, sampler: Sampler, *, until: int | None = None, save_every_seconds: float = 60
) -> Iterator[float]:
    """Go on until the run is complete, saving as it goes.

    Args:
        run: What is trained.
        sampler: Draws the batches.
        until: Step to stop at, if before the last one; the schedule stays that of the whole run.
        save_every_seconds: Time between two checkpoints.

    Yields:
        The loss of every step.
    """
    saved, last = time.monotonic(), run.config.steps if until is None else until
    while run.step < last:
        yield run.advance(sampler.batch(run.step))
        if time.monotonic() - saved > save_every_seconds or run.step == last:
            run.save()
            saved = time.monotonic()
