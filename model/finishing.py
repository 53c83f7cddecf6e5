"""After the network: what it said is carried out along the motion, masked and decided.

A Lagrangian network's forecast frames stand still; they are carried out to their lead times.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import NetworkConfig
from model.extrapolation import (
    SEEN_SHARE,
    FloatArray,
    Trajectory,
    sample_planes,
    seen_share,
    trajectories,
)
from model.forecast import Forecast, ModelIdentity
from model.packing import floor_as_written, rounded_dbz
from model.preparation import DEFAULT_PIXEL_KM, ECHO_DBZ, Prepared
from model.products import csi_optimal


class Prediction(NamedTuple):
    """What the network said, before it is carried out.

    Args:
        frames_dbz: (lead, height, width), from 0 dBZ.
        exceedance_probability: float16 (lead, threshold, height, width).
    """

    frames_dbz: FloatArray
    exceedance_probability: NDArray[np.float16]


@dataclass(frozen=True)
class Finisher:
    """Makes forecasts of what one network said; keeps nothing between them.

    Args:
        config: Of the network.
        identity: Of its weights.
        cuts: Probability from which on an exceedance of each threshold is forecast; empty: the
            default product is the network's own reflectivity.
    """

    config: NetworkConfig
    identity: ModelIdentity
    cuts: tuple[float, ...]

    def finish(self, prepared: Prepared, prediction: Prediction) -> Forecast:
        """Carry the prediction out along the motion; mask what nobody can know.

        Lead by lead and in place, for large grids: the prediction's arrays become the forecast's.
        """
        expected, chances = prediction
        decided, extrapolation, persistence = (np.empty_like(expected) for _ in range(3))
        seen = np.isfinite(prepared.newest_dbz)
        newest = np.where(seen, prepared.newest_dbz, np.float32(0))
        for lead, at in enumerate(islice(trajectories(prepared.motion), len(expected))):
            share = _known_share(seen, at)
            persistence[lead] = np.where(np.isnan(share), share, newest)
            chance = torch.from_numpy(chances[lead])  # NumPy converts half precision slowly
            planes = np.concatenate([[newest, expected[lead]], chance.float().numpy()])
            moving = planes if self.config.coordinates == "lagrangian" else planes[:1]
            moving *= seen
            moving[:] = sample_planes(moving, at)
            moving /= share
            planes[len(moving) :, np.isnan(share)] = np.nan
            extrapolation[lead], expected[lead] = planes[:2]
            chance.copy_(torch.from_numpy(planes[2:]))
            decided[lead] = self._decided(planes[1], planes[2:])
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
        ahead, floor = range(1, len(decided) + 1), floor_as_written(observed.no_rain_dbz)
        times = [observed.times[-1] + observed.step * k for k in ahead]
        fields = []
        for values in (decided, expected, extrapolation, persistence):
            for frame in values:
                frame[:] = rounded_dbz(frame)
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


def _known_share(seen: NDArray[np.bool_], at: Trajectory) -> FloatArray:
    """How much of each carried value was seen; NaN where less than half, or nothing now."""
    share = seen_share(seen, at)
    share[~seen | (share < SEEN_SHARE)] = np.nan
    return share


def _quality(prepared: Prepared) -> dict[str, str]:
    """What a reader should know before trusting the forecast."""
    notes: dict[str, str] = {}
    if prepared.frames.grid.pixel_size_km is None:
        notes["pixel_size"] = f"The grid does not say; {DEFAULT_PIXEL_KM} km was assumed."
    return notes
