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
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, Self, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from model import checkpoint
from model.cascade import damped
from model.contract import InputContract, split
from model.domain import MARGIN, Domain, Window
from model.errors import ContractViolation
from model.extrapolation import (
    FloatArray,
    Motion,
    carry,
    carry_seen,
    estimate_motion,
    seen_share,
    trajectories,
)
from model.fast.choice import Choice, choose_steps
from model.forecast import Forecast, ModelIdentity
from model.frames import Frames
from model.networks import SCALE_DBZ, Context, Network
from model.packing import floor_as_written, packed_dbz, unpacked_dbz
from model.products import csi_optimal, sharp
from model.registry import Registry, read_manifest

ECHO_DBZ = 5.0  # an echo that can grow, and the faintest in the default product
GROWTH_PIXELS = 32  # how far from any echo, in the moving frame, the network may make rain
DEFAULT_PIXEL_KM = 1.0

Product = Literal["expected", "csi_optimal", "sharp"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Frames made ready for the network.

    Args:
        frames: As they came.
        newest_dbz: The newest frame, dry as 0, NaN where missing, (height, width).
        motion: Pixels per step.
        inputs: (time, height, width) in network scale, padded to the patch, missing 0.
        valid: Like ``inputs``: 1 where observed.
        bases: (lead, height, width), padded too: what the network's residuals are added to.
        pixel_km: Side of a pixel.
    """

    frames: Frames
    newest_dbz: FloatArray
    motion: Motion
    inputs: FloatArray
    valid: FloatArray
    bases: FloatArray
    pixel_km: float

    @property
    def batch_key(self) -> Hashable:
        """Only equal keys go into one batch."""
        return self.inputs.shape

    @property
    def cost(self) -> int:
        """Pixels times frames of the network's input."""
        return self.inputs.size


class Prediction(NamedTuple):
    """What the network said, before it is carried out.

    Args:
        frames_dbz: (lead, height, width), from 0 dBZ.
        exceedance_probability: float16 (lead, threshold, height, width).
    """

    frames_dbz: FloatArray
    exceedance_probability: NDArray[np.float16]


class Nowcaster:
    """A network with everything around it that turns frames into a forecast.

    Args:
        network: In evaluation mode.
        identity: Name, version and hash of its weights.
        device: Where it runs.
        cuts: Probability from which on an exceedance of each threshold is forecast; empty: the
            default product is the network's own reflectivity.
        choice: How its steps are computed; by default plainly.
    """

    def __init__(
        self,
        network: Network,
        identity: ModelIdentity,
        device: str = "cpu",
        cuts: Sequence[float] = (),
        choice: Choice | None = None,
    ) -> None:
        self.identity = identity
        self.cuts = tuple(cuts)
        self.config = network.config
        self._network = network.to(device)
        self._device = torch.device(device)
        self.choice = choice or Choice(self._network)
        self._domain = Domain(self._network, self.choice.steps)

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
        cuts = read_manifest(directory).get("cuts", ())
        return cls(network, identity, device, cuts, choose_steps(network.to(device)))

    @property
    def input_frames(self) -> int:
        """Frames that go in."""
        return self.config.input_frames

    @property
    def output_frames(self) -> int:
        """Frames that come out."""
        return self.config.output_frames

    def nowcast(self, frames: Frames) -> Forecast:
        """One forecast from start to end.

        Raises:
            ContractViolation: Not the number of frames that go in.
        """
        prepared = self.prepare(frames)
        return self.finish(prepared, self.predict([prepared])[0])

    def prepare(self, frames: Frames) -> Prepared:
        """Find the motion, align the frames, scale and pad them.

        Raises:
            ContractViolation: Not the number of frames that go in.
        """
        if len(frames) != self.input_frames:
            raise ContractViolation(
                f"The model needs {self.input_frames} frames, but {len(frames)} came.",
                rule="frame-count",
            )
        values = frames.reflectivity_dbz
        observed = np.where(values <= max(0.0, frames.no_rain_dbz), np.float32(0), values)
        motion = estimate_motion(observed)
        seen = self._seen_by_the_network(observed, motion)
        inputs = np.clip(np.nan_to_num(seen, nan=0.0) / SCALE_DBZ, 0, 1)
        return Prepared(
            frames,
            observed[-1],
            motion,
            self._padded(inputs),
            self._padded(np.isfinite(seen).astype(np.float32)),
            self._padded(self._bases(seen)),
            frames.grid.pixel_size_km or DEFAULT_PIXEL_KM,
        )

    def _seen_by_the_network(self, observed_dbz: FloatArray, motion: Motion) -> FloatArray:
        """The frames in the network's coordinates, (time, height, width) in dBZ."""
        if self.config.coordinates == "eulerian":
            return observed_dbz
        past = zip(observed_dbz[-2::-1], trajectories(motion), strict=False)
        moved = [carry(frame, at) for frame, at in past]
        return np.stack([*moved[::-1], observed_dbz[-1]])

    def _bases(self, seen_dbz: FloatArray) -> FloatArray:
        """What the forecast is before the network adds to it, (lead, height, width)."""
        if self.config.base == "damped":
            ahead = damped(seen_dbz, self.output_frames)
        else:
            newest = np.nan_to_num(seen_dbz[-1], nan=0.0)
            ahead = np.broadcast_to(newest, (self.output_frames, *newest.shape))
        bases: FloatArray = np.clip(ahead / np.float32(SCALE_DBZ), 0, 1)
        return bases

    def _padded(self, planes: FloatArray) -> FloatArray:
        """Zeros below and right, up to whole patches."""
        rows, columns = (-size % self.config.patch for size in planes.shape[1:])
        return np.pad(planes, ((0, 0), (0, rows), (0, columns)))

    @torch.inference_mode()
    def predict(
        self, batch: Sequence[Prepared], progress: Callable[[], None] = lambda: None
    ) -> list[Prediction]:
        """Run the network on frames of equal ``batch_key``; the order is kept.

        ``progress`` is called after every step of the roll-out.
        """
        frames, valid = (
            torch.from_numpy(np.stack(parts)).to(self._device)
            for parts in zip(*((item.inputs, item.valid) for item in batch), strict=True)
        )
        minutes = [item.frames.step.total_seconds() / 60 for item in batch]
        context = Context(
            torch.tensor(minutes, dtype=torch.float32, device=self._device),
            torch.tensor([item.pixel_km for item in batch], device=self._device),
        )
        near = [self._near(item) for item in batch]
        window = Window(
            frames[:, :, None],
            valid[:, :, None],
            context,
            torch.from_numpy(np.stack(near)),
            self._margin(batch),
            torch.from_numpy(np.stack([item.bases for item in batch])[:, :, None]),
        )
        leads = self._domain.run(window, progress)
        predicted, chances = SCALE_DBZ * leads.frames.numpy(), leads.chances.numpy()
        parts = zip(batch, predicted, chances, near, strict=True)
        return [self._cropped(*part) for part in parts]

    def _near(self, item: Prepared) -> NDArray[np.bool_]:
        """Where the network's word counts: elsewhere the forecast is extrapolation."""
        if self.config.residual:
            return reach(item.inputs)
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
        chances: NDArray[np.float16],
        near: NDArray[np.bool_],
    ) -> Prediction:
        """Without the padding, and extrapolation where no echo is near."""
        height, width = item.newest_dbz.shape
        frames_dbz, chances = frames_dbz[:, :height, :width], chances[..., :height, :width]
        far = ~near[:height, :width]
        frames_dbz[:, far] = np.nan_to_num(item.newest_dbz, nan=0.0)[far]
        chances[..., far] = 0
        return Prediction(frames_dbz, chances)

    def finish(self, prepared: Prepared, prediction: Prediction) -> Forecast:
        """Carry the prediction out along the motion; mask what nobody can know.

        Lead by lead and in place, for large grids: the prediction's arrays become the forecast's.
        """
        expected, chances = prediction
        decided, extrapolation, persistence = (np.empty_like(expected) for _ in range(3))
        missing = np.isnan(prepared.newest_dbz)
        for lead, at in enumerate(islice(trajectories(prepared.motion), self.output_frames)):
            extrapolation[lead] = carry(prepared.newest_dbz, at)
            persistence[lead] = prepared.newest_dbz
            chance = chances[lead].astype(np.float32)  # half precision is slow in NumPy
            if self.config.coordinates == "lagrangian":
                share = seen_share(~missing, at)
                for plane in (expected[lead], *chance):
                    plane[missing] = 0
                    plane[:] = carry_seen(plane, share, at)
            unknown = missing | np.isnan(extrapolation[lead])
            for plane in (expected[lead], extrapolation[lead], persistence[lead], *chance):
                plane[unknown] = np.nan
            decided[lead] = self._decided(expected[lead], chance)
            chances[lead] = chance
        return self._forecast(prepared, decided, expected, extrapolation, persistence, chances)

    def _decided(self, expected_dbz: FloatArray, chances: FloatArray) -> FloatArray:
        """One frame of the default product: what is too faint for an echo is dry in it."""
        if not self.cuts:
            return expected_dbz
        thresholds = self.config.exceedance_thresholds_dbz
        decided = csi_optimal(expected_dbz, chances, thresholds, self.cuts)
        decided[decided < ECHO_DBZ] = 0
        return decided

    def _forecast(
        self,
        prepared: Prepared,
        decided: FloatArray,
        expected: FloatArray,
        extrapolation: FloatArray,
        persistence: FloatArray,
        chances: NDArray[np.float16],
    ) -> Forecast:
        """All fields, each (lead, height, width), in one value; probabilities by threshold.

        Reflectivity is rounded as files hold it, so that every reader scores the same numbers.
        """
        observed, thresholds = prepared.frames, self.config.exceedance_thresholds_dbz
        ahead, floor = range(1, self.output_frames + 1), floor_as_written(observed.no_rain_dbz)
        times = [observed.times[-1] + observed.step * k for k in ahead]
        fields = []
        for values in (decided, expected, extrapolation, persistence):
            for frame in values:
                frame[:] = unpacked_dbz(packed_dbz(frame))
            values[values <= max(0.0, floor)] = floor
            fields.append(observed.with_values(values, times))
        return Forecast(
            frames=fields[0],
            expected=fields[1] if self.cuts else None,
            extrapolation=fields[2],
            persistence=fields[3],
            forecast_reference_time=observed.times[-1],
            model=self.identity,
            input_sha256=observed.sha256(),
            exceedance_thresholds_dbz=thresholds,
            exceedance_probability=chances.swapaxes(0, 1) if thresholds else None,
            quality=_quality(prepared),
        )


def predict(
    frames: FloatArray,
    *,
    step_minutes: float,
    km_per_pixel: float = 1.0,
    product: Product = "csi_optimal",
) -> FloatArray:
    """Forecast plain arrays with the shipped default model, for evaluation scripts.

    Where rain of a lead time would have come from beyond the grid nobody can know what it brings;
    those pixels get the newest observation, in ``expected`` half-way to its mean.

    Args:
        frames: (10, height, width) in dBZ, oldest first; 0 where dry or missing.
        step_minutes: Time between frames.
        km_per_pixel: Side of a pixel.
        product: ``expected`` (least squared error), ``csi_optimal`` (best critical success index)
            or ``sharp`` (the intensities of the newest frame); see :mod:`model.products`.

    Returns:
        (10, height, width) float32 in dBZ, finite, 0 where dry.

    Raises:
        ContractViolation: Wrong shape, unit or step.
        ValueError: An unknown product.
    """
    if product not in get_args(Product):
        raise ValueError(f"The product is one of {get_args(Product)}, not {product!r}.")
    observed = Frames.of_array(frames, step_minutes=step_minutes, km_per_pixel=km_per_pixel)
    observed, _ = split(observed, InputContract())
    nowcaster = _shipped()
    forecast = nowcaster.nowcast(observed)
    chosen = (forecast.expected or forecast.frames) if product != "csi_optimal" else forecast.frames
    newest = np.clip(observed.reflectivity_dbz[-1], 0, None)
    guess = (newest + newest.mean()) / 2 if product == "expected" else newest
    values = np.clip(chosen.reflectivity_dbz, 0, None)
    if product == "sharp":
        values = np.stack([sharp(frame, newest) for frame in values])
    return np.where(np.isnan(values), guess, values)


@functools.cache
def _shipped() -> Nowcaster:
    """The shipped default model; read-only, so that callers may share it."""
    return Nowcaster.load(Registry().resolve())


def reach(inputs: FloatArray) -> NDArray[np.bool_]:
    """Where an echo of the aligned input frames is near enough to grow to.

    Args:
        inputs: (time, height, width) in network scale.

    Returns:
        (height, width).
    """
    echo = (inputs.max(0) * SCALE_DBZ >= ECHO_DBZ).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROWTH_PIXELS + 1,) * 2)
    near: NDArray[np.bool_] = cv2.dilate(echo, disc).astype(bool)
    return near


def _quality(prepared: Prepared) -> dict[str, str]:
    """What a reader should know before trusting the forecast."""
    notes: dict[str, str] = {}
    if prepared.frames.grid.pixel_size_km is None:
        notes["pixel_size"] = f"The grid does not say; {DEFAULT_PIXEL_KM} km was assumed."
    return notes
