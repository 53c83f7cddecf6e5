"""RainAtPlaces: what is known of the rain at a place, as an answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from echocast.model.outlook.outlook import RainOutlook, rain_outlook
from echocast.model.outlook.series import PlaceTime
from echocast.model.reflectivity import ZR
from echocast.service.rain.schemas import RainAnswer
from echocast.service.rain.sentence import Sentence
from echocast.service.rain.wording import Wording
from echocast.service.streams.places import ObservedPoint, Places
from echocast.service.streams.schemas import PointForecast
from echocast.workers.streams.stream import late_after


@dataclass(frozen=True)
class PlaceRain:
    """All that is known of a place at a moment.

    Args:
        point: The newest forecast there.
        observed: The newest image there; None: it is damaged.
        step: Between two images.
        generated: The moment, UTC.
    """

    point: PointForecast
    observed: ObservedPoint | None
    step: timedelta
    generated: datetime

    @property
    def newest(self) -> datetime:
        """Valid time of the newest image."""
        return self.observed.time if self.observed else self.point.forecast_reference_time

    @property
    def stale(self) -> bool:
        """Whether images are late."""
        return self.generated - self.newest > late_after(self.step)

    @property
    def behind(self) -> bool:
        """Whether the forecast is of an older image than the one before the newest."""
        return self.newest - self.point.forecast_reference_time > self.step

    def over_mm_h(self, threshold_mm_h: float) -> float | None:
        """The rate that probabilities are about; None where there are none."""
        key = self._threshold_dbz(threshold_mm_h)
        return None if key is None else round(float(self._relation.rain_rate_mm_h(float(key))), 2)

    def series(self, threshold_mm_h: float) -> list[PlaceTime]:
        """The newest image and the times of the forecast after it. Where images are late, now and
        what is still to come: rain of that is a warning, but that there is none is not known.
        """
        if not self.stale:
            rate = self.observed.rate_mm_h if self.observed else None
            first, ahead = PlaceTime(self.newest, rate), self._forecast(threshold_mm_h)
            return [first, *(one for one in ahead if one.time > first.time)]
        ahead = [one for one in self._forecast(threshold_mm_h) if one.time > self.generated]
        wet = [
            one if one.is_wet(threshold_mm_h) else PlaceTime(one.time, None, one.probability)
            for one in ahead
        ]
        return [PlaceTime(self.generated, None), *wet]

    def _forecast(self, threshold_mm_h: float) -> list[PlaceTime]:
        point, key = self.point, self._threshold_dbz(threshold_mm_h)
        chances = (
            [None] * len(point.valid_times) if key is None else point.exceedance_probability[key]
        )
        rows = zip(point.valid_times, point.rain_rate_mm_h, chances, strict=True)
        return [PlaceTime(time, rate, chance) for time, rate, chance in rows]

    def _threshold_dbz(self, threshold_mm_h: float) -> str | None:
        """The threshold of probabilities that is nearest to a rate."""
        nearest = float(self._relation.reflectivity_dbz(threshold_mm_h))
        known = self.point.exceedance_probability
        return min(known, key=lambda one: abs(float(one) - nearest), default=None)

    @property
    def _relation(self) -> ZR:
        return ZR(**self.point.zr)


@dataclass(frozen=True)
class RainAtPlaces:
    """Answers what is known of the rain at places.

    Args:
        places: Reads forecasts and frames.
        clock: The time now, UTC.
    """

    places: Places
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def at(self, name: str, latitude: float, longitude: float) -> PlaceRain:
        """What is known of a place of a stream.

        Raises:
            UnknownStream: There is no such stream.
            NoForecastYet: It has no forecast.
            ContractViolation: The place is outside the grid, or the grid has no place on earth.
        """
        point = await self.places.point(name, latitude, longitude)
        observed = await self.places.observed(name, point.row, point.column)
        stream = await asyncio.to_thread(self.places.stores.streams.stream, name)
        return PlaceRain(point, observed, stream.step, self.clock())


def rain_answer(rain: PlaceRain, threshold_mm_h: float, wording: Wording) -> RainAnswer:
    """The answer to who asks for the rain at a place."""
    outlook, over = (
        rain_outlook(rain.series(threshold_mm_h), rain.step, threshold_mm_h),
        rain.over_mm_h(threshold_mm_h),
    )
    point, observed = rain.point, rain.observed
    return RainAnswer(
        stream=point.stream,
        latitude=point.latitude,
        longitude=point.longitude,
        generated=rain.generated,
        observed=observed.time if observed else None,
        forecast_reference_time=point.forecast_reference_time,
        horizon=point.valid_times[-1],
        stale=rain.stale,
        threshold_mm_h=threshold_mm_h,
        state=outlook.state,
        raining_now=outlook.raining_now,
        rate_now_mm_h=outlook.rate_now_mm_h,
        next_start=outlook.start,
        next_start_is_latest=outlook.is_latest_start,
        next_end=outlook.end,
        minutes_until_start=_minutes(rain.generated, outlook.start),
        minutes_until_end=_minutes(rain.generated, outlook.end),
        rain_again=outlook.again_from,
        peak_mm_h=outlook.peak.rate_mm_h if outlook.peak else None,
        peak_time=outlook.peak.time if outlook.peak else None,
        probability=outlook.probability,
        probability_over_mm_h=over,
        sentence=_sentence(rain, outlook, Sentence(outlook, wording, threshold_mm_h, over)),
        language=wording.language,
        attribution=observed.attribution if observed else "",
        licence=observed.licence if observed else "",
    )


def _sentence(rain: PlaceRain, outlook: RainOutlook, sentence: Sentence) -> str:
    """The sentence, which says of which image it speaks where that is not the newest of now."""
    wording, is_rain = sentence.wording, outlook.state in ("rain", "rain-expected")
    if rain.stale and not is_rain:
        return wording.text("stale", time=wording.clock(rain.newest, of=rain.generated))
    if not (rain.stale or rain.behind):
        return sentence.text()
    reference = wording.clock(rain.point.forecast_reference_time, of=rain.generated)
    return wording.text("reference", time=reference) + sentence.text()


def _minutes(now: datetime, then: datetime | None) -> int | None:
    return None if then is None else max(0, math.ceil((then - now) / timedelta(minutes=1)))
