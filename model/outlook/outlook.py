"""RainOutlook: whether it rains at a place, when rain begins and when it ends.

What is not known is never called dry: a time that was not observed, or to which rain can't be
traced, neither ends rain nor counts as a time without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final, Literal

from echocast.model.outlook.series import PlaceTime

RAIN_MM_H: Final = 0.1  # from which it rains
BREAK: Final = timedelta(minutes=10)  # rain that pauses for less has not ended
State = Literal["rain", "rain-expected", "no-rain", "unknown"]


@dataclass(frozen=True)
class Peak:
    """The most rain of a spell.

    Args:
        rate_mm_h: How much.
        time: When, UTC.
    """

    rate_mm_h: float
    time: datetime


@dataclass(frozen=True)
class RainOutlook:
    """Rain at a place from the newest image on; times are UTC.

    Args:
        time: Valid time of the newest image.
        state: ``rain``: at the newest image. ``no-rain``: not then, nor at any time of the
            forecast, and all of them are known. ``unknown``: none is known of, but not all times
            are known.
        raining_now: Whether it rained at the newest image; None: nobody looked.
        rate_now_mm_h: How much, None likewise.
        start: When the next rain begins; None: it rains, or none is forecast.
        is_latest_start: Whether it may begin earlier, as the times before are not known.
        end: When that rain, or the rain of now, has ended; None: that can't be said, or there is
            none.
        has_breaks: Whether it pauses in between.
        peak: The most of it.
        again: The most of the rain after that, and ``again_from`` when it begins; None: none is
            forecast.
        again_from: See there.
        probability: The highest of this rain, or of all times where none is forecast, 0..1.
        known_until: Up to this time, beginning with the newest image, all is known; None: not even
            that image.
        known_after_spell: Up to this time all is known from the rain on, its last time included.
        horizon: The last time of the forecast.
        known: How many of the times are known (count).
        last: The last time of the rain.
    """

    time: datetime
    state: State
    raining_now: bool | None
    rate_now_mm_h: float | None
    horizon: datetime
    known: int
    known_until: datetime | None
    last: datetime | None = None
    known_after_spell: datetime | None = None
    start: datetime | None = None
    is_latest_start: bool = False
    end: datetime | None = None
    has_breaks: bool = False
    peak: Peak | None = None
    again: Peak | None = None
    again_from: datetime | None = None
    probability: float | None = None


def rain_outlook(
    series: Sequence[PlaceTime], step: timedelta, threshold_mm_h: float = RAIN_MM_H
) -> RainOutlook:
    """The outlook of a place.

    Args:
        series: The newest image first, then the times of the forecast, in order; at least one.
        step: For how long each of them holds.
        threshold_mm_h: From which rate on it counts as rain.
    """
    now, spell = series[0], _spell(series, step, threshold_mm_h)
    known = sum(one.rate_mm_h is not None for one in series)
    without_rain = RainOutlook(
        time=now.time,
        state="no-rain" if known == len(series) else "unknown",
        raining_now=None if now.rate_mm_h is None else now.is_wet(threshold_mm_h),
        rate_now_mm_h=now.rate_mm_h,
        horizon=series[-1].time,
        known=known,
        known_until=_last_known(series),
        probability=_highest(series),
    )
    if not spell:
        return without_rain
    first = series.index(spell[0])
    before, after = series[:first], series[first + len(spell) :]
    again = [one for one in after if one.is_wet(threshold_mm_h)]
    return replace(
        without_rain,
        state="rain-expected" if before else "rain",
        start=spell[0].time if before else None,
        is_latest_start=any(one.rate_mm_h is None for one in before),
        end=_end(after, step, threshold_mm_h),
        has_breaks=not all(one.is_wet(threshold_mm_h) for one in spell),
        peak=_peak(spell),
        again=_peak(again),
        again_from=again[0].time if again else None,
        probability=_highest(spell),
        last=spell[-1].time,
        known_after_spell=_last_known(after) or spell[-1].time,
    )


def _spell(
    series: Sequence[PlaceTime], step: timedelta, threshold_mm_h: float
) -> Sequence[PlaceTime]:
    """The first rain: from its first time to the last before a break that ends it."""
    wet = [index for index, one in enumerate(series) if one.is_wet(threshold_mm_h)]
    if not wet:
        return []
    last = wet[0]
    for index in wet[1:]:
        if series[index].time - (series[last].time + step) >= BREAK:
            break
        last = index
    return series[wet[0] : last + 1]


def _end(after: Sequence[PlaceTime], step: timedelta, threshold_mm_h: float) -> datetime | None:
    """When rain has ended: at the first of the times without it, which last as long as a break."""
    dry = list(
        takewhile(lambda one: one.rate_mm_h is not None and not one.is_wet(threshold_mm_h), after)
    )
    return dry[0].time if dry and dry[-1].time + step - dry[0].time >= BREAK else None


def _last_known(series: Sequence[PlaceTime]) -> datetime | None:
    known = list(takewhile(lambda one: one.rate_mm_h is not None, series))
    return known[-1].time if known else None


def _peak(series: Sequence[PlaceTime]) -> Peak | None:
    known = [Peak(one.rate_mm_h, one.time) for one in series if one.rate_mm_h is not None]
    return max(known, key=lambda one: one.rate_mm_h, default=None)


def _highest(series: Sequence[PlaceTime]) -> float | None:
    return max((one.probability for one in series if one.probability is not None), default=None)
