"""Batches: windows as the network is shown them, drawn by the number of the step alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from echocast.model.errors import ModelError
from echocast.model.network.config import Base, NetworkConfig
from echocast.model.network.network import SCALE_DBZ, Context
from echocast.model.training.config import FREE_RUNNING, TrainingConfig
from echocast.model.training.distributed import SINGLE, ProcessGroup
from echocast.model.training.windows import DBZ_PER_COUNT, MISSING_COUNT, WindowInfo, WindowStore


@dataclass(frozen=True)
class Batch:
    """Windows of one length.

    Args:
        frames: (batch, time, 1, height, width) in network scale, missing 0.
        valid: 1 where observed.
        bases: (batch, output, 1, height, width): what the residual of each output is added to.
        inputs: Frames that are input.
        context: Step and pixel size of each.
        pixels: (time,): observed pixels of a frame in the batch; where several processes train,
            their mean, so that the mean of their losses is the loss of all windows together.
        truth_share: (batch, time - 1): 1 where a step is fed with the true frame, 0 where with the
            prediction before it; None: the truth as input, nothing of it afterwards.
        windows: Number of the store, and in it, of each.
    """

    frames: Tensor
    valid: Tensor
    bases: Tensor
    inputs: int
    context: Context
    pixels: Tensor
    truth_share: Tensor | None = None
    windows: tuple[tuple[int, int], ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        frames, valid, bases, pixels = (
            part.to(device) for part in (self.frames, self.valid, self.bases, self.pixels)
        )
        context = Context(*(part.to(device) for part in self.context))
        share = None if self.truth_share is None else self.truth_share.to(device)
        return Batch(frames, valid, bases, self.inputs, context, pixels, share, self.windows)


def batch_of(
    planes: Tensor, valid: Tensor, infos: Sequence[WindowInfo], base: Base, pixels: Tensor
) -> Batch:
    """A batch of windows of one length.

    Args:
        planes: (batch, plane, 1, height, width) in network scale, missing 0: the frames of each
            window, then the bases of the later ones.
        valid: Like ``planes``: 1 where observed.
        infos: What each window is.
        base: What the residuals are added to.
        pixels: (time,): observed pixels of each frame.
    """
    inputs, length = infos[0].inputs, infos[0].inputs + infos[0].outputs
    frames, bases = planes[:, :length], planes[:, length:]
    if base == "newest":
        bases = frames[:, inputs - 1 : inputs].expand_as(bases)
    context = Context(
        torch.tensor([info.step_minutes for info in infos], dtype=torch.float32),
        torch.tensor([info.pixel_km for info in infos], dtype=torch.float32),
    )
    return Batch(frames, valid[:, :length], bases, inputs, context, pixels)


def check_bases(stores: Iterable[WindowStore], network: NetworkConfig) -> None:
    """Refuse windows that hold other bases than the network adds to.

    Raises:
        ModelError: Some hold other bases.
    """
    bases = {info.base for store in stores for info in store.infos} - {network.base}
    if bases and network.base != "newest":
        raise ModelError(
            f"This network adds to the base {network.base!r}, but some of these windows hold"
            f" {', '.join(sorted(bases))}; extract them again."
        )


class Sampler:
    """Draws the batch of any step: windows of one length and size, events by their shares.

    Args:
        stores: Where the windows are.
        config: Batch size, shares, brightness and seed.
        group: Whose processes each take their part of the batch.

    Raises:
        ModelError: There is nothing to draw, or the network's patches don't fit into a window.
    """

    def __init__(
        self, stores: Sequence[WindowStore], config: TrainingConfig, group: ProcessGroup = SINGLE
    ) -> None:
        self.stores, self.config, self.group = stores, config, group
        members: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
        for number, store in enumerate(stores):
            size = store.counts.shape[-1]
            if size % config.network.patch:
                raise ModelError(
                    f"Windows of {size} pixels a side are no multiple of the network's patch,"
                    f" {config.network.patch}."
                )
            for index, info in enumerate(store.infos):
                members.setdefault((info.inputs, info.outputs, size), []).append((number, index))
        self.groups = list(members.items())
        counts: dict[str, int] = {}
        for store in stores:
            for info in store.infos:
                counts[info.event] = counts.get(info.event, 0) + 1
        self.weights = [
            np.array([self._weight(number, index, counts) for number, index in group])
            for _, group in self.groups
        ]
        self.totals = np.array([weights.sum() for weights in self.weights])
        if not self.totals.sum():
            raise ModelError("There are no windows to draw: none at all, or all have the share 0.")

    def _weight(self, number: int, index: int, counts: Mapping[str, int]) -> float:
        event = self.stores[number].infos[index].event
        return self.config.shares.get(event, 1.0) / counts[event]

    def batch(self, step: int) -> Batch:
        """This process's part of the batch of step ``step``."""
        rng = np.random.default_rng((self.config.seed, step))
        group = int(rng.choice(len(self.totals), p=self.totals / self.totals.sum()))
        (inputs, outputs, _), members = self.groups[group]
        chances = self.weights[group] / self.weights[group].sum()
        chosen = rng.choice(len(members), size=self.config.batch * self.group.size, p=chances)
        length = inputs + outputs
        windows = [self._window(members[i], length + outputs, rng) for i in chosen]
        pixels = sum(valid.sum((1, 2), dtype=np.float64) for _, valid in windows) / self.group.size
        part = self.group.part(self.config.batch)
        infos = [self.stores[members[i][0]].infos[members[i][1]] for i in chosen[part]]
        planes, valid = (
            torch.from_numpy(np.stack(arrays))[:, :, None]
            for arrays in zip(*windows[part], strict=True)
        )
        mean_pixels = torch.tensor(pixels[:length], dtype=torch.float32)
        batch = batch_of(planes, valid, infos, self.config.network.base, mean_pixels)
        share = self._truth_share(step, inputs, length - 1, rng)
        names = tuple(members[i] for i in chosen[part])
        return replace(batch, truth_share=share, windows=names)

    def _truth_share(
        self, step: int, inputs: int, predictions: int, rng: np.random.Generator
    ) -> Tensor | None:
        """Which steps of which windows are fed with the truth; None where a forecast's are."""
        chances = self.config.sampling.chances(step / self.config.steps)
        if chances == FREE_RUNNING.chances(0):
            return None
        of_step = np.repeat(chances, (inputs, predictions - inputs))
        sampled = rng.random((self.config.batch * self.group.size, predictions)) < of_step
        return torch.from_numpy(sampled[self.group.part(self.config.batch)].astype(np.float32))

    def _window(
        self, member: tuple[int, int], length: int, rng: np.random.Generator
    ) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]:
        """The first planes of a window, turned, mirrored and brightened at random.

        Returns:
            The planes in network scale, and their validity.
        """
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
