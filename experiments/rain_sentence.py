"""How often the sentence about rain at a place was right.

    python -m experiments.rain_sentence EVENT.nc ... [--every 5] [--spacing 20]

replays events: at every fifth reference time the champion forecasts, and at places 20 pixels apart
the outlook (:mod:`echocast.model.outlook`) of forecast and newest image is compared with the
outlook of what was then observed. Places where the radar or the forecast misses a time are left
out, for all methods alike. Prints a Markdown table of counts, which add, of errors of times, and of
how long before it happened what was forecast did.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np

from echocast.model.forecast import Forecast
from echocast.model.formats.readers import read_frames
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.nowcaster import Nowcaster
from echocast.model.outlook.outlook import RAIN_MM_H, RainOutlook, rain_outlook
from echocast.model.outlook.series import PlaceTime
from echocast.model.reflectivity import ZR
from echocast.model.registry.reader import SHIPPED, RegistryReader

COLUMNS = (
    *("event", "method", "forecasts", "claim", "hits", "misses", "false alarms"),
    *("correct negatives", "CSI", "bias", "error min", "median of its size", "within 10 min"),
    "median lead min",
)
NEAR = timedelta(minutes=10)


@dataclass
class Claims:
    """Claims of one kind, such as that rain begins, beside what happened.

    Args:
        hits: It was forecast and happened (count).
        misses: It happened only.
        false_alarms: It was forecast only.
        correct_negatives: Neither.
        errors: Of hits, forecast minus observed time.
        leads: Of hits, how long after the newest image it happened.
    """

    hits: int = 0
    misses: int = 0
    false_alarms: int = 0
    correct_negatives: int = 0
    errors: list[timedelta] = field(default_factory=list)
    leads: list[timedelta] = field(default_factory=list)

    def add(
        self, forecast: datetime | None, observed: datetime | None, reference: datetime
    ) -> None:
        """Count one place; None: it does not happen within the forecast."""
        if forecast is not None and observed is not None:
            self.hits += 1
            self.errors.append(forecast - observed)
            self.leads.append(observed - reference)
        elif observed is not None:
            self.misses += 1
        elif forecast is not None:
            self.false_alarms += 1
        else:
            self.correct_negatives += 1

    def cells(self) -> list[str]:
        """Counts, then what follows from them; a dash where nothing does."""
        events, claimed = self.hits + self.misses, self.hits + self.false_alarms
        counts = [self.hits, self.misses, self.false_alarms, self.correct_negatives]
        minutes = [error / timedelta(minutes=1) for error in self.errors]
        leads = [lead / timedelta(minutes=1) for lead in self.leads]
        near = [abs(error) <= NEAR for error in self.errors]
        ratios = [
            f"{self.hits / (events + self.false_alarms):.2f}" if events + claimed else "-",
            f"{claimed / events:.2f}" if events else "-",
            f"{median(minutes):+.0f}" if minutes else "-",
            f"{median(map(abs, minutes)):.0f}" if minutes else "-",
            f"{np.mean(near):.0%}" if near else "-",
            f"{median(leads):.0f}" if leads else "-",
        ]
        return [*map(str, counts), *ratios]


def places(shape: tuple[int, int], spacing: int) -> Iterator[tuple[int, int]]:
    """Pixels of a lattice."""
    height, width = shape
    for row in range(spacing // 2, height, spacing):
        for column in range(spacing // 2, width, spacing):
            yield row, column


def rates(frames: Frames) -> FloatArray:
    """Rain rates (time, y, x) in mm/h, NaN where missing."""
    relation = ZR.of_attributes(frames.attributes)
    return relation.rain_rate_mm_h(frames.reflectivity_dbz, no_rain_dbz=frames.no_rain_dbz)


def outlook_at(
    first: float, later: FloatArray, times: list[datetime], step: timedelta
) -> RainOutlook:
    """The outlook of a newest image and what follows it."""
    values = [None if np.isnan(value) else float(value) for value in (first, *later)]
    series = [PlaceTime(*one) for one in zip(times, values, strict=True)]
    return rain_outlook(series, step, RAIN_MM_H)


def count(
    frames: Frames, start: int, inputs: int, forecast: Forecast, spacing: int
) -> dict[tuple[str, str], Claims]:
    """The claims of all methods at one reference time, by method and claim."""
    newest = start + inputs - 1
    later = slice(newest + 1, newest + 1 + len(forecast.frames))
    now, observed = rates(frames[newest : newest + 1])[0], rates(frames[later])
    forecasts = {name: rates(method) for name, method in forecast.methods().items()}
    times, step = list(frames.times[newest : later.stop]), frames.times[1] - frames.times[0]
    claims: dict[tuple[str, str], Claims] = {}
    for pixel in places(now.shape, spacing):
        column = [
            now[pixel],
            *observed[:, *pixel],
            *(v for m in forecasts.values() for v in m[:, *pixel]),
        ]
        if np.isnan(column).any():
            continue
        truth = outlook_at(now[pixel], observed[:, *pixel], times, step)
        for method, values in forecasts.items():
            given = outlook_at(now[pixel], values[:, *pixel], times, step)
            name, forecast_time, time = (
                ("rain ends", given.end, truth.end)
                if truth.raining_now
                else ("rain begins", given.start, truth.start)
            )
            claims.setdefault((method, name), Claims()).add(forecast_time, time, times[0])
    return claims


def replay(path: Path, nowcaster: Nowcaster, every: int, spacing: int) -> None:
    """Print the rows of an event."""
    frames = read_frames([path])
    inputs, outputs = nowcaster.input_frames, nowcaster.output_frames
    starts = range(0, len(frames) - inputs - outputs + 1, every)
    total: dict[tuple[str, str], Claims] = {}
    for start in starts:
        forecast = nowcaster.nowcast(frames[start : start + inputs])
        for key, claims in count(frames, start, inputs, forecast, spacing).items():
            have = total.setdefault(key, Claims())
            for name in (one.name for one in fields(Claims)):
                setattr(have, name, getattr(have, name) + getattr(claims, name))
    for (method, claim), claims in sorted(total.items(), key=lambda one: one[0][::-1]):
        row = [path.stem, method, str(len(starts)), claim, *claims.cells()]
        print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    """Replay the events of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("events", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=5, help="reference times, one in so many")
    parser.add_argument("--spacing", type=int, default=20, help="pixels between places")
    given = parser.parse_args()
    nowcaster = Nowcaster.load(RegistryReader(SHIPPED).resolve("champion"))
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for path in given.events:
        replay(path, nowcaster, given.every, given.spacing)


if __name__ == "__main__":
    main()
