"""Postprocessing: carry the network's output along the motion, mask it, decide exceedances.

A Lagrangian network's forecast frames stand still; they are carried out to their lead times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from echocast.model.extrapolation.motion import (
    LEAST_OBSERVED_SHARE,
    Trajectory,
    carry_planes,
    observed_share,
    trajectories,
)
from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity, leads_per_part
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.horizon import check_leads, sources_beyond
from echocast.model.inference.continuation import predicted_parts
from echocast.model.inference.prediction import Prediction
from echocast.model.inference.preprocessing import Prepared
from echocast.model.inference.quality import quality
from echocast.model.network.config import NetworkConfig
from echocast.model.products import ExceedanceDecision, blend_with_extrapolation, csi_optimal
from echocast.model.quantisation import PACKING, floor_as_written, rounded_dbz
from echocast.model.reflectivity import ECHO_FLOOR_DBZ

Rounding = Callable[[FloatArray], FloatArray]


class Fields(NamedTuple):
    """What a forecast shows beside the prediction, (height, width) or (lead, height, width).

    Args:
        decided: The default product in dBZ.
        extrapolation: In dBZ.
        persistence: In dBZ.
    """

    decided: FloatArray
    extrapolation: FloatArray
    persistence: FloatArray


@dataclass(frozen=True)
class Postprocessor:
    """Makes forecasts of the outputs of one network; keeps no state between them.

    Args:
        config: Of the network.
        identity: Of its weights.
        decision: When exceedances are forecast in the default product.
    """

    config: NetworkConfig
    identity: ModelIdentity
    decision: ExceedanceDecision

    def finish(
        self, prepared: Prepared, prediction: Prediction, leads: int | None = None
    ) -> Forecast:
        """Carry the prediction out along the motion; mask what is unknown.

        In place: the prediction's arrays become the forecast's, where no lead is beyond them.
        """
        count = _checked(prepared, prediction, leads)
        return next(self._parts(prepared, prediction, count, count, rounded_dbz))

    def stream(
        self, prepared: Prepared, prediction: Prediction, leads: int | None = None
    ) -> ForecastStream:
        """The same in parts that are made on demand: few lead times of a large grid each.

        The prediction's arrays become the forecasts'. Reflectivity is not rounded: a file does it.
        """
        count = _checked(prepared, prediction, leads)
        together = leads_per_part(prepared.newest_dbz.size)
        return ForecastStream(
            self._parts(prepared, prediction, count, together, None),
            _times(prepared, range(1, count + 1)),
            prepared.newest.grid,
            prepared.newest.times[-1],
            self.identity,
            quality(prepared, self.config, count),
            lead_sources=sources_beyond(self.config.output_frames, count),
        )

    def _parts(
        self,
        prepared: Prepared,
        prediction: Prediction,
        count: int,
        together: int,
        rounding: Rounding | None,
    ) -> Iterator[Forecast]:
        """Forecasts of so many lead times each; no reference to them is left here."""
        paths, done = self._paths(prepared), 0
        for part in predicted_parts(prepared, prediction, count, together):
            fields = self._fields(prepared, part, done, paths)
            ahead = range(done + 1, done + len(part.frames_dbz) + 1)
            done = ahead[-1]
            yield self._forecast(prepared, count, ahead, fields, part, rounding)
            del part, fields

    def _paths(self, prepared: Prepared) -> Iterator[tuple[Trajectory, Trajectory | None]]:
        """Where the rain of each lead was at the reference time, and in the prediction.

        None: there it is where it will be, as within the leads of a network that sees it moving.
        """
        path = trajectories(prepared.motion)
        if self.config.coordinates == "lagrangian":
            yield from ((at, at) for at in path)  # without end
        yield from ((next(path), None) for _ in range(self.config.output_frames))
        yield from zip(path, trajectories(prepared.motion), strict=False)

    def _fields(
        self,
        prepared: Prepared,
        part: Prediction,
        done: int,
        paths: Iterator[tuple[Trajectory, Trajectory | None]],
    ) -> Fields:
        """What comes beside a part of the prediction, which is carried too, in place."""
        valid = np.isfinite(prepared.newest_dbz)
        newest = np.where(valid, prepared.newest_dbz, np.float32(0))
        step_minutes = prepared.step.total_seconds() / 60
        fields = Fields(*(np.empty_like(part.frames_dbz) for _ in Fields._fields))
        for index, (expected, probability) in enumerate(zip(*part, strict=True)):
            thresholds = self.decision.probability_thresholds_at((done + index + 1) * step_minutes)
            lead = expected, torch.from_numpy(probability)
            planes = self._carried(valid, newest, next(paths), *lead, thresholds)
            for field, plane in zip(fields, planes, strict=True):
                field[index] = plane
        return fields

    def _carried(
        self,
        valid: NDArray[np.bool_],
        newest: FloatArray,
        path: tuple[Trajectory, Trajectory | None],
        expected: FloatArray,
        probability: torch.Tensor,
        probability_thresholds: tuple[float, ...],
    ) -> Fields:
        """One lead time; NumPy converts half precision slowly, PyTorch does not."""
        at, beyond = path
        share = _known_share(valid, at)
        planes = np.empty((2 + len(probability), *newest.shape), np.float32)
        planes[0], planes[1] = newest, expected
        torch.from_numpy(planes[2:]).copy_(probability)
        moving = planes if beyond is at else planes[:1]
        moving *= valid
        carry_planes(moving, at)
        moving /= share
        placed = planes[len(moving) :]
        if beyond is not None:
            carry_planes(placed, beyond)
        for plane in placed:
            plane[np.isnan(share)] = np.nan
        expected[:] = planes[1]
        probability.copy_(torch.from_numpy(planes[2:]))
        decided = self._decided(planes[1], planes[2:], planes[0], probability_thresholds)
        return Fields(decided, planes[0].copy(), np.where(np.isnan(share), share, newest))

    def _decided(
        self,
        expected_dbz: FloatArray,
        probability: FloatArray,
        extrapolation_dbz: FloatArray,
        probability_thresholds: tuple[float, ...],
    ) -> FloatArray:
        """One frame of the default product: what is too faint for an echo is dry in it."""
        if not probability_thresholds:
            return expected_dbz
        thresholds = self.config.exceedance_thresholds_dbz
        weights = self.decision.extrapolation_weights
        blended = blend_with_extrapolation(probability, extrapolation_dbz, thresholds, weights)
        decided = csi_optimal(expected_dbz, blended, thresholds, probability_thresholds)
        decided[decided < ECHO_FLOOR_DBZ] = 0
        return decided

    def _forecast(
        self,
        prepared: Prepared,
        count: int,
        ahead: range,
        fields: Fields,
        part: Prediction,
        rounding: Rounding | None,
    ) -> Forecast:
        """Fields (lead, height, width), ``ahead`` steps ahead of ``count``, as one value; in place.

        What a file would round to 0 dBZ or less is dry. Values that go to no file are rounded here,
        so that every reader scores the same numbers.
        """
        expected, probability = part
        newest, thresholds = prepared.newest, self.config.exceedance_thresholds_dbz
        floor = floor_as_written(newest.no_rain_dbz)
        driest = np.float64(max(0.0, floor) + PACKING / 2)  # rounded to the floor or to 0
        times = _times(prepared, ahead)

        def as_written(values: FloatArray) -> Frames:
            for frame in values:
                if rounding is not None:
                    frame[:] = rounding(frame)
                frame[frame <= driest] = floor
            return newest.derived(values, times)

        return Forecast(
            frames=as_written(fields.decided),
            expected=as_written(expected) if self.decision.probability_thresholds else None,
            extrapolation=as_written(fields.extrapolation),
            persistence=as_written(fields.persistence),
            forecast_reference_time=newest.times[-1],
            model=self.identity,
            input_sha256=prepared.input_sha256,
            exceedance_thresholds_dbz=thresholds,
            exceedance_probability=probability.swapaxes(0, 1) if thresholds else None,
            quality=quality(prepared, self.config, count),
            lead_sources=sources_beyond(self.config.output_frames, count)[ahead[0] - 1 : ahead[-1]],
        )


def _checked(prepared: Prepared, prediction: Prediction, leads: int | None) -> int:
    """How many lead times there will be.

    Raises:
        ContractViolation: As many may not be requested.
    """
    made = len(prediction.frames_dbz)
    check_leads(leads, prepared.step, made)
    return made if leads is None else leads


def _times(prepared: Prepared, ahead: range) -> tuple[datetime, ...]:
    """Valid times so many steps ahead."""
    return tuple(prepared.newest.times[-1] + prepared.step * k for k in ahead)


def _known_share(valid: NDArray[np.bool_], at: Trajectory) -> FloatArray:
    """Share of each carried value that comes from valid pixels; NaN where it is less than half."""
    share = observed_share(valid, at)
    share[~valid | (share < LEAST_OBSERVED_SHARE)] = np.nan
    return share
