"""PairedForecasts: champion and challenger on the same frames of one event, side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.atomic_files import move_into_place, scratch_file
from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.nowcaster import Nowcaster
from echocast.model.verification.baselines import MethodFields, method_fields
from echocast.model.verification.counts import CHALLENGER, CHAMPION, MODEL, PAIRED_METHODS, label
from echocast.model.verification.evaluation import count_start
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.start_counts import PARTS, StartCounts
from echocast.model.verification.storms import regions

STORM_DBZ = 40.0
STORM_KM2 = 4.0  # smaller cores are not counted
STORM_EVERY_MINUTES = 60.0  # the same storm an hour later counts again

ForecastCase = tuple[Frames, Frames]  # inputs, and what was then observed


@dataclass(frozen=True, eq=False)
class PairedForecasts:
    """How champion and challenger did on one held-out event.

    Args:
        scores: Counts of ``PAIRED_METHODS`` on the same pixels.
        seconds: (start, 2): what champion and challenger took for the whole nowcast.
        storms: Cores of 40 dBZ or more that were observed, looked at once an hour.
        unknown: Pixels that the challenger left without a number and extrapolation did not.
    """

    scores: EventScores
    seconds: NDArray[np.float64]
    storms: int
    unknown: int

    def save(self, path: Path) -> None:
        """Write everything to one file."""
        scores = self.scores
        facts = {
            "event": scores.event,
            "methods": [label(method) for method in scores.methods],
            "lead_minutes": scores.lead_minutes,
            "start_minutes": scores.start_minutes,
            "probabilistic": scores.probabilistic,
            "storms": self.storms,
            "unknown": self.unknown,
        }
        arrays = {
            name: np.stack([getattr(start, name) for start in scores.starts])
            for name in (*PARTS, "pixels")
        }
        arrays["counts"] = arrays["counts"][..., :3]  # correct negatives follow from the pixels
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays |= {"told": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
        arrays |= {"seconds": self.seconds}
        with scratch_file(path.parent, ".npz") as new:
            np.savez_compressed(new, allow_pickle=False, **arrays)
            move_into_place(new, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as parts:
            facts = json.loads(parts["told"].tobytes())
            events, pixels = parts["counts"], parts["pixels"][:, None, None, :, None]
            negatives = pixels - events.sum(-1, keepdims=True)
            counts = np.concatenate([events, negatives], -1)
            columns = counts, *(parts[name] for name in PARTS[1:])
            starts = [StartCounts(*row) for row in zip(*columns, strict=True)]
            scores = EventScores(
                facts["event"],
                tuple(method.replace(" ", "_") for method in facts["methods"]),
                tuple(facts["lead_minutes"]),
                tuple(facts["start_minutes"]),
                tuple(starts),
                tuple(facts["probabilistic"]),
            )
            return cls(scores, parts["seconds"], facts["storms"], facts["unknown"])


def evaluate_pair(
    champion: Nowcaster,
    challenger: Nowcaster,
    event: str,
    cases: Iterable[ForecastCase],
    clock: Callable[[], float] = time.perf_counter,
) -> PairedForecasts:
    """Let both forecast from the same inputs and count.

    Args:
        champion: The model that serves.
        challenger: The model that may.
        event: Name of the event.
        cases: Input frames and those that were then observed, per start.
        clock: In seconds.
    """
    starts, minutes, seconds, unknown, storms = [], list[float](), [], 0, 0
    for number, (inputs, observed) in enumerate(cases):
        old, new, took = _both(champion, challenger, inputs, number, clock)
        seconds.append(took)
        truth, pixel_km = observed.reflectivity_dbz, observed.grid.pixel_size_km or DEFAULT_PIXEL_KM
        unknown += _left_unknown(new)
        minutes.append(inputs.times[-1].timestamp() / 60)
        hours = [int((minute - minutes[0]) // STORM_EVERY_MINUTES) for minute in minutes[-2:]]
        if len(hours) == 1 or hours[0] != hours[1]:
            storms += count_storms(truth[0], pixel_km)
        methods = _methods(old, new)
        starts.append(count_start(methods, observed))
    leads = tuple(new.lead_minutes)
    since = tuple(minute - minutes[0] for minute in minutes)
    scores = EventScores(
        event, PAIRED_METHODS, leads, since, tuple(starts), tuple(methods.probabilities)
    )
    return PairedForecasts(scores, np.array(seconds), storms, unknown)


def _both(
    champion: Nowcaster,
    challenger: Nowcaster,
    inputs: Frames,
    number: int,
    clock: Callable[[], float],
) -> tuple[Forecast, Forecast, tuple[float, float]]:
    """Both forecasts and their seconds; who goes first alternates, so that it does not matter."""
    forecasts, took = {}, {}
    order = (champion, challenger) if number % 2 == 0 else (challenger, champion)
    for nowcaster in order:
        began = clock()
        forecasts[id(nowcaster)] = nowcaster.nowcast(inputs)
        took[id(nowcaster)] = clock() - began
    old, new = id(champion), id(challenger)
    return forecasts[old], forecasts[new], (took[old], took[new])


def _methods(old: Forecast, new: Forecast) -> MethodFields:
    """``PAIRED_METHODS``, and the probabilities of both where they have them."""
    theirs, mine = method_fields(old), method_fields(new)
    fields = {**mine.fields, CHALLENGER: mine.fields[MODEL], CHAMPION: theirs.fields[MODEL]}
    chances = {CHALLENGER: mine.probabilities, CHAMPION: theirs.probabilities}
    return MethodFields(
        {name: fields[name] for name in PAIRED_METHODS},
        {name: known[MODEL] for name, known in chances.items() if known},
    )


def _left_unknown(forecast: Forecast) -> int:
    """Pixels without a number in the forecast that extrapolation has one for."""
    known = np.isfinite(forecast.extrapolation.reflectivity_dbz)
    return int((known & ~np.isfinite(forecast.frames.reflectivity_dbz)).sum())


def count_storms(observed_dbz: FloatArray, pixel_km: float) -> int:
    """Cores of 40 dBZ or more in one frame, (height, width), of 4 square kilometres or more."""
    return regions(observed_dbz, STORM_DBZ, STORM_KM2, pixel_km)
