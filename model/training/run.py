"""Training: windows in, a checkpoint out; resumable to the step.

The batch of a step depends on the seed and the number of the step alone, so a run that was killed
goes on from its last checkpoint as if nothing had happened. The state of the optimiser is saved as
safetensors like the weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from echocast.model.errors import ModelError
from echocast.model.json_diff import describe_difference
from echocast.model.network.network import Network, channels_last
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import read_manifest
from echocast.model.training.config import TrainingConfig
from echocast.model.training.distributed import SINGLE, ProcessGroup
from echocast.model.training.failed_batch import write_failed_batch, write_tensors
from echocast.model.training.sampler import Batch
from echocast.model.training.step import Report, outcome
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ

RUN_FILE = "run.safetensors"


class NonFiniteLoss(ModelError):
    """The loss or the gradient of a step is not a number; no weight was changed by it."""


class Run:
    """One training run: network, average, optimiser, schedule, and where they are saved.

    Args:
        config: What to compute.
        directory: Where checkpoints go; several processes share it.
        device: Where it is computed: ``cpu`` or ``cuda``.
        group: The processes that compute it together.
    """

    def __init__(
        self,
        config: TrainingConfig,
        directory: Path,
        *,
        device: str = "cpu",
        group: ProcessGroup = SINGLE,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.directory, self.step = config, directory, 0
        self.device, self.group = torch.device(device), group
        self.network = channels_last(Network(config.network)).to(self.device)
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

    def advance(self, batch: Batch) -> Report:
        """One optimiser step.

        Raises:
            ModelError: The loss or the gradient is not finite; the batch has been saved.
        """
        rate = self.rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            result = outcome(self.network, batch.to(self.device), self.config.balance)
        result.loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        loss = result.loss.detach()
        self.group.average([loss, result.parts, *gradients])
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        values = [float(value) for value in (loss, *result.parts, norm)]
        if not np.isfinite(values).all():
            raise self._stopped(batch, values)
        self.optimiser.step()
        self.step += 1
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for key, value_now in self.network.state_dict().items():
            self.average[key].lerp_(value_now, 1 - decay)
        tables = {
            threshold: ContingencyTable(*row)
            for threshold, row in zip(STREAM_THRESHOLDS_DBZ, result.counts.tolist(), strict=True)
        }
        loss_now, intensity, exceedance, gradient = values
        return Report(self.step, loss_now, intensity, exceedance, rate, gradient, tables)

    def _stopped(self, batch: Batch, values: Sequence[float]) -> NonFiniteLoss:
        """The error of a step that is not finite, once its batch has been saved."""
        note = {"step": self.step, "seed": self.config.seed, "process": self.group.rank}
        path = self.directory / f"batch-{self.step}-{self.group.rank}.safetensors"
        try:
            write_failed_batch(batch, path, note)
        except OSError as error:
            saved = f"its batch could not be saved: {error}."
        else:
            saved = f"its batch is in {path}."
        return NonFiniteLoss(
            f"The loss of step {self.step} is {values[0]} and its gradient {values[3]}; {saved}"
        )

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((f"network/{k}", v) for k, v in self.network.state_dict().items())
        yield from ((f"average/{k}", v) for k, v in self.average.items())
        for number, state in self.optimiser.state_dict()["state"].items():
            yield from ((f"optimiser/{number}/{k}", v) for k, v in state.items())

    def save(self) -> None:
        """Write all that a resumed run needs; the old one stays until the new one is there.

        Raises:
            ModelError: It can't be written, as where the disk is full.
        """
        if not self.group.leads:
            return
        note = {"step": str(self.step), "config": json.dumps(self.config.to_json())}
        try:
            write_tensors(dict(self._tensors()), self.directory / RUN_FILE, note)
        except OSError as error:
            raise ModelError(
                f"The checkpoint of step {self.step} could not be written: {error}. The one before"
                f" it, if any, is still in {self.directory}."
            ) from error

    def resume(self) -> None:
        """Go on from the checkpoint in the directory, if there is one.

        Raises:
            ModelError: It was written by a run with another configuration.
        """
        path = self.directory / RUN_FILE
        if path.exists():
            self._load(path)
        self.group.check_same_step(self.step, self.device)

    def _load(self, path: Path) -> None:
        note = _note(path)
        saved = TrainingConfig.from_json(json.loads(note["config"]))
        if saved != self.config:
            difference = describe_difference(saved.to_json(), self.config.to_json())
            raise ModelError(
                f"{path} belongs to a run with another configuration ({difference}). Use the"
                " earlier configuration to go on with it, or name another folder."
            )
        tensors = load_file(path)
        self.step = int(note["step"])
        self.network.load_state_dict(_below(tensors, "network/"))
        self.average = {k: v.to(self.device) for k, v in _below(tensors, "average/").items()}
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

    def start_from(self, other: Network) -> None:
        """Begin with the weights of another network: of a run or of a released checkpoint.

        Raises:
            ModelError: It is a network of another kind.
        """
        if other.config != self.config.network:
            raise ModelError("A warm start needs a network of the same configuration.")
        self.network.load_state_dict(other.state_dict())
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of the training."""
        return {"training": self.config.to_json(), "trained_steps": self.step}

    def averaged(self) -> Network:
        """The network with the averaged weights."""
        network = Network(self.config.network)
        network.load_state_dict(self.average)
        return network


def trained_in(directory: Path) -> tuple[Network, dict[str, Any]]:
    """The averaged network of a run's folder, or that of a released checkpoint.

    Returns:
        The network, and how its weights were trained.
    """
    if (directory / RUN_FILE).exists():
        run = Run.open(directory)
        return run.averaged(), run.facts
    manifest = read_manifest(directory)
    known: dict[str, Any] = {
        key: manifest[key] for key in ("training", "trained_steps") if key in manifest
    }
    return checkpoint.load(directory)[0], known


def mean_network(networks: Sequence[Network]) -> Network:
    """The network whose weights are the mean of those of some networks.

    Of networks that were trained from each other's weights, which lie in one valley, the mean is
    often better than any (Wortsman et al., ICML 2022).

    Raises:
        ModelError: They are not alike.
    """
    config = networks[0].config
    if any(network.config != config for network in networks):
        raise ModelError("Only networks of the same configuration have a mean.")
    mean = Network(config)
    weights = [network.state_dict() for network in networks]
    mean.load_state_dict({k: torch.stack([w[k] for w in weights]).mean(0) for k in weights[0]})
    return mean


def _note(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
