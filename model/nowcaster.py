"""Nowcaster: observed frames in, a forecast out.

Three phases, so that a service can batch the middle one: ``prepare`` finds the motion and aligns
the frames (threads may run it), ``predict`` runs the network on a batch (one thread at a time),
``finish`` carries the prediction out along the motion and masks it (threads again). Nothing is
kept between calls.

A Lagrangian network sees the rain standing still: every input frame is carried along the motion to
the reference time, and its forecast frames are carried out to their lead times.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.horizon import check_leads
from echocast.model.inference.batch_threads import map_in_threads
from echocast.model.inference.plausible_input import plausible_input
from echocast.model.inference.postprocessing import Postprocessor
from echocast.model.inference.prediction import Prediction
from echocast.model.inference.preprocessing import Prepared, prepare, reach
from echocast.model.inference.tiling import MARGIN, Domain, Window
from echocast.model.inference.winograd.selection import SelectedSteps, choose_steps
from echocast.model.network.network import SCALE_DBZ, Context, Network
from echocast.model.products import ExceedanceDecision
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import read_manifest
from echocast.model.registry.reader import RegistryReader

SMALL_PIXELS = 128 * 128  # fewer of a frame are not worth a second thread


class Nowcaster:
    """A network with everything around it that turns frames into a forecast.

    Args:
        network: In evaluation mode.
        identity: Name, version and hash of its weights.
        device: Where it runs.
        decision: When exceedances are forecast in the default product; by default never, and the
            default product is the network's own reflectivity.
        choice: How its steps are computed; by default plainly.
    """

    def __init__(
        self,
        network: Network,
        identity: ModelIdentity,
        device: str = "cpu",
        decision: ExceedanceDecision | None = None,
        choice: SelectedSteps | None = None,
    ) -> None:
        self.identity = identity
        self.config = network.config
        self._network = network.to(device)
        self._device = torch.device(device)
        self.choice = choice or SelectedSteps(self._network)
        self._domain = Domain(self._network, self.choice.steps)
        self._postprocessor = Postprocessor(self.config, identity, decision or ExceedanceDecision())

    @property
    def fast_paths_refused(self) -> tuple[str, ...]:
        """Fast forms of its steps that disagree with the plain ones, and are not used."""
        return self.choice.refused

    @classmethod
    def load(cls, directory: Path, device: str = "cpu") -> Self:
        """The nowcaster of a checkpoint directory.

        Raises:
            CheckpointError: The checkpoint is missing or damaged.
        """
        network, identity = checkpoint.load(directory)
        decision = ExceedanceDecision.of_manifest(read_manifest(directory))
        return cls(network, identity, device, decision, choose_steps(network.to(device)))

    @property
    def input_frames(self) -> int:
        """Frames that go in."""
        return self.config.input_frames

    @property
    def output_frames(self) -> int:
        """Frames that come out."""
        return self.config.output_frames

    def nowcast(self, frames: Frames, leads: int | None = None) -> Forecast:
        """One forecast from start to end.

        Args:
            frames: As many as go in.
            leads: Lead times, at most 24 and to 120 minutes; None: as many as the network makes.

        Raises:
            ContractViolation: Not the number of frames that go in, or too many lead times.
        """
        check_leads(leads, frames.step, self.output_frames)
        prepared = self.prepare(frames)
        return self.finish(prepared, self.predict([prepared])[0], leads)

    def prepare(self, frames: Frames, input_sha256: str | None = None) -> Prepared:
        """Replace implausible frames, find the motion, align the frames, scale and pad them.

        Args:
            frames: As many as go in.
            input_sha256: Hash of the frames, where it is known; else it is computed.

        Raises:
            ContractViolation: Not the number of frames that go in.
        """
        return prepare(plausible_input(frames), self.config, input_sha256 or frames.sha256())

    def predict(
        self, batch: Sequence[Prepared], progress: Callable[[], None] = lambda: None
    ) -> list[Prediction]:
        """Run the network on frames of equal ``batch_key``; results are in the same order.

        ``progress`` is called after every step of a roll-out. On a CPU each thread runs a part of
        the batch, where the whole of it fits into memory without tiles.
        """
        run = functools.partial(self._predict, progress=progress)
        pixels = batch[0].newest_dbz.size
        if self._device.type != "cpu" or len(batch) * pixels > self._domain.most_pixels:
            return run(batch)
        return map_in_threads(run, batch, small=pixels < SMALL_PIXELS)

    @torch.inference_mode()
    def _predict(self, batch: Sequence[Prepared], progress: Callable[[], None]) -> list[Prediction]:
        minutes = [item.step.total_seconds() / 60 for item in batch]
        context = Context(
            torch.tensor(minutes, dtype=torch.float32, device=self._device),
            torch.tensor([item.pixel_km for item in batch], device=self._device),
        )
        near = [self._near(item) for item in batch]
        window = Window(
            _batched([item.inputs for item in batch])[:, :, None],
            context,
            _batched(near),
            self._margin(batch),
            _batched([item.bases for item in batch])[:, :, None],
        )
        forecast = self._domain.run(window, progress)
        predicted = forecast.frames.mul_(SCALE_DBZ).numpy()
        parts = zip(batch, predicted, forecast.exceedance_probability.numpy(), near, strict=True)
        return [self._cropped(*part) for part in parts]

    def _near(self, item: Prepared) -> NDArray[np.bool_]:
        """Where the network's output is used; elsewhere the forecast is extrapolation."""
        if self.config.residual:
            return reach(item, self.config)
        return np.ones(item.inputs.shape[1:], bool)

    def _margin(self, batch: Sequence[Prepared]) -> int:
        """Pixels around a tile that its forecast depends on: where its rain may come from."""
        if self.config.coordinates == "lagrangian":
            return MARGIN
        fastest = max(float(np.abs(part).max()) for item in batch for part in item.motion)
        return MARGIN + round(fastest * self.output_frames)

    def _cropped(
        self,
        item: Prepared,
        frames_dbz: FloatArray,
        probability: NDArray[np.float16],
        near: NDArray[np.bool_],
    ) -> Prediction:
        """Without the padding, and extrapolation where no echo is near; in place."""
        height, width = item.newest_dbz.shape
        frames_dbz, far = frames_dbz[:, :height, :width], ~near[:height, :width]
        np.copyto(frames_dbz, np.nan_to_num(item.newest_dbz, nan=0.0), where=far)
        return Prediction(frames_dbz, probability[..., :height, :width])

    def finish(
        self, prepared: Prepared, prediction: Prediction, leads: int | None = None
    ) -> Forecast:
        """Carry the prediction out along the motion; mask what is unknown.

        The prediction's arrays become the forecast's. Lead times beyond the network's continue its
        last one, see :mod:`.inference.continuation`.

        Args:
            prepared: What the prediction was made from.
            prediction: Of the network.
            leads: As of :meth:`nowcast`.

        Raises:
            ContractViolation: As many lead times may not be requested.
        """
        return self._postprocessor.finish(prepared, prediction, leads)

    def stream(
        self, prepared: Prepared, prediction: Prediction, leads: int | None = None
    ) -> ForecastStream:
        """What :meth:`finish` gives, in parts that are made on demand.

        The network's input frames are not in memory meanwhile.
        """
        return self._postprocessor.stream(prepared.without_inputs(), prediction, leads)


def _batched(arrays: Sequence[NDArray[Any]]) -> torch.Tensor:
    """Arrays as one tensor, a single one without copying it."""
    return torch.from_numpy(arrays[0][None] if len(arrays) == 1 else np.stack(arrays))


@functools.cache
def shipped_nowcaster() -> Nowcaster:
    """The shipped default model; read-only, so that callers may share it."""
    return Nowcaster.load(RegistryReader().resolve())
