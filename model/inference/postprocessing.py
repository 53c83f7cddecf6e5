"""After the network: what it said is carried out along the motion, masked and decided.

A Lagrangian network's forecast frames stand still; they are carried out to their lead times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from echocast.model.extrapolation.motion import (
    SEEN_SHARE,
    FloatArray,
    Trajectory,
    carry_planes,
    seen_share,
    trajectories,
)
from echocast.model.forecast import ComingForecast, Forecast, ModelIdentity, leads_together
from echocast.model.frames import Frames
from echocast.model.inference.preprocessing import DEFAULT_PIXEL_KM, ECHO_DBZ, Prepared
from echocast.model.network.config import NetworkConfig
from echocast.model.products import Decision, csi_optimal, leaning_on_extrapolation
from echocast.model.quantisation import floor_as_written, rounded_dbz


class Prediction(NamedTuple):
    """What the network said, before it is carried out.

    Args:
        frames_dbz: (lead, height, width), from 0 dBZ.
        exceedance_probability: float16 (lead, threshold, height, width).
    """

    frames_dbz: FloatArray
    exceedance_probability: NDArray[np.float16]


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
class Finisher:
    """Makes forecasts of what one network said; keeps nothing between them.

    Args:
        config: Of the network.
        identity: Of its weights.
        decision: When exceedances are forecast in the default product.
    """

    config: NetworkConfig
    identity: ModelIdentity
    decision: Decision

    def finish(self, prepared: Prepared, prediction: Prediction) -> Forecast:
        """Carry the prediction out along the motion; mask what nobody can know.

        In place: the prediction's arrays become the forecast's.
        """
        return next(self._parts(prepared, prediction, len(prediction.frames_dbz)))

    def coming(self, prepared: Prepared, prediction: Prediction) -> ComingForecast:
        """The same in parts, made when they are asked for: few lead times of a large grid each.

        The prediction's arrays become the forecasts'.
        """
        ahead = range(1, len(prediction.frames_dbz) + 1)
        return ComingForecast(
            self._parts(prepared, prediction, leads_together(prepared.newest_dbz.size)),
            _times(prepared, ahead),
            prepared.newest.grid,
            prepared.newest.times[-1],
            self.identity,
            _quality(prepared),
        )

    def _parts(
        self, prepared: Prepared, prediction: Prediction, together: int
    ) -> Iterator[Forecast]:
        """Forecasts of so many lead times; nobody but the reader holds one of them."""
        expected, chances = prediction
        made = self._fields(prepared, prediction)
        for first in range(0, len(expected), together):
            which = slice(first, first + together)
            part = Prediction(expected[which], chances[which])
            yield self._part(prepared, part, first, made)

    def _part(
        self, prepared: Prepared, part: Prediction, done: int, made: Iterator[Fields]
    ) -> Forecast:
        """The next lead times, those of a part of the prediction, after those that are done."""
        expected, chances = part
        fields = Fields(*(np.empty_like(expected) for _ in Fields._fields))
        for lead, planes in zip(range(len(expected)), made, strict=False):
            for field, plane in zip(fields, planes, strict=True):
                field[lead] = plane
        ahead = range(done + 1, done + len(expected) + 1)
        return self._forecast(prepared, ahead, fields, expected, chances)

    def _fields(self, prepared: Prepared, prediction: Prediction) -> Iterator[Fields]:
        """What comes beside the prediction, which is carried too, lead by lead and in place."""
        seen = np.isfinite(prepared.newest_dbz)
        newest = np.where(seen, prepared.newest_dbz, np.float32(0))
        path = trajectories(prepared.motion)
        step_minutes = prepared.step.total_seconds() / 60
        for lead, (expected, chances) in enumerate(zip(*prediction, strict=True), start=1):
            cuts = self.decision.cuts_at(lead * step_minutes)
            part = expected, torch.from_numpy(chances)
            yield self._carried(seen, newest, next(path), *part, cuts)

    def _carried(
        self,
        seen: NDArray[np.bool_],
        newest: FloatArray,
        at: Trajectory,
        expected: FloatArray,
        chances: torch.Tensor,
        cuts: tuple[float, ...],
    ) -> Fields:
        """One lead time; NumPy converts half precision slowly, PyTorch does not."""
        share = _known_share(seen, at)
        planes = np.empty((2 + len(chances), *newest.shape), np.float32)
        planes[0], planes[1] = newest, expected
        torch.from_numpy(planes[2:]).copy_(chances)
        moving = planes if self.config.coordinates == "lagrangian" else planes[:1]
        moving *= seen
        carry_planes(moving, at)
        moving /= share
        for plane in planes[len(moving) :]:
            plane[np.isnan(share)] = np.nan
        expected[:] = planes[1]
        chances.copy_(torch.from_numpy(planes[2:]))
        decided = self._decided(planes[1], planes[2:], planes[0], cuts)
        return Fields(decided, planes[0].copy(), np.where(np.isnan(share), share, newest))

    def _decided(
        self,
        expected_dbz: FloatArray,
        chances: FloatArray,
        extrapolation_dbz: FloatArray,
        cuts: tuple[float, ...],
    ) -> FloatArray:
        """One frame of the default product: what is too faint for an echo is dry in it."""
        if not cuts:
            return expected_dbz
        thresholds = self.config.exceedance_thresholds_dbz
        weights = self.decision.extrapolation_weights
        leaning = leaning_on_extrapolation(chances, extrapolation_dbz, thresholds, weights)
        decided = csi_optimal(expected_dbz, leaning, thresholds, cuts)
        decided[decided < ECHO_DBZ] = 0
        return decided

    def _forecast(
        self,
        prepared: Prepared,
        ahead: range,
        fields: Fields,
        expected: FloatArray,
        chances: NDArray[np.float16],
    ) -> Forecast:
        """Fields (lead, height, width), ``ahead`` steps ahead, as one value; in place.

        Reflectivity is rounded as files hold it, so that every reader scores the same numbers.
        """
        newest, thresholds = prepared.newest, self.config.exceedance_thresholds_dbz
        floor = floor_as_written(newest.no_rain_dbz)
        times = _times(prepared, ahead)

        def as_written(values: FloatArray) -> Frames:
            for frame in values:
                frame[:] = rounded_dbz(frame)
                frame[frame <= max(0.0, floor)] = floor
            return newest.with_values(values, times)

        return Forecast(
            frames=as_written(fields.decided),
            expected=as_written(expected) if self.decision.cuts else None,
            extrapolation=as_written(fields.extrapolation),
            persistence=as_written(fields.persistence),
            forecast_reference_time=newest.times[-1],
            model=self.identity,
            input_sha256=prepared.input_sha256,
            exceedance_thresholds_dbz=thresholds,
            exceedance_probability=chances.swapaxes(0, 1) if thresholds else None,
            quality=_quality(prepared),
        )


def _times(prepared: Prepared, ahead: range) -> tuple[datetime, ...]:
    """Valid times so many steps ahead."""
    return tuple(prepared.newest.times[-1] + prepared.step * k for k in ahead)


def _known_share(seen: NDArray[np.bool_], at: Trajectory) -> FloatArray:
    """How much of each carried value was seen; NaN where less than half, or nothing now."""
    share = seen_share(seen, at)
    share[~seen | (share < SEEN_SHARE)] = np.nan
    return share


def _quality(prepared: Prepared) -> dict[str, str]:
    """What a reader should know before trusting the forecast."""
    notes: dict[str, str] = {}
    if prepared.newest.grid.pixel_size_km is None:
        notes["pixel_size"] = f"The grid does not say; {DEFAULT_PIXEL_KM} km was assumed."
    return notes
