"""The outlook of a place as one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from echocast.model.outlook.outlook import RAIN_MM_H, RainOutlook
from echocast.service.rain.wording import Wording

PERCENT_STEPS = 5  # to which probabilities are rounded


@dataclass(frozen=True)
class Sentence:
    """Puts an outlook into words.

    Args:
        outlook: What is known.
        wording: In which words.
        threshold_mm_h: From which rate on it counts as rain.
        over_mm_h: The rate that the probability is about; None: there is none.
    """

    outlook: RainOutlook
    wording: Wording
    threshold_mm_h: float
    over_mm_h: float | None

    def text(self) -> str:
        """The sentence."""
        if self.outlook.state in ("rain", "rain-expected"):
            breaks = self._say("with_breaks") if self.outlook.has_breaks else ""
            return f"{self._opening()}{breaks}{self._peak()}{self._chance()}{self._ending()}."
        return self._without_rain()

    def _say(self, name: str, **values: str) -> str:
        return self.wording.text(name, **values)

    def _clock(self, time: datetime) -> str:
        return self.wording.clock(time)

    @property
    def _any_rain(self) -> bool:
        """Whether all rain counts; else there may be some where there is none of so much."""
        return self.threshold_mm_h <= RAIN_MM_H

    def _without_rain(self) -> str:
        known, end = self.outlook, self._clock(self.outlook.horizon)
        rate = self.wording.rate(self.threshold_mm_h)
        if not known.known:
            return self._say("unknown")
        if known.state == "no-rain":
            return self._say("no_rain" if self._any_rain else "not_so_much", end=end, rate=rate)
        if known.known_until is None or known.known_until == known.time:
            return self._say("dry_partly" if self._any_rain else "less_partly", end=end, rate=rate)
        name = "no_rain_known_until" if self._any_rain else "not_so_much_known_until"
        return self._say(name, end=self._clock(known.known_until), rate=rate)

    def _opening(self) -> str:
        known, rate = self.outlook, self.wording.rate(self.threshold_mm_h)
        rain = self._say("rain") if self._any_rain else self._say("rain_over", rate=rate)
        if known.start is None:
            return self._say("now", rain=rain)
        name = "from_at_latest" if known.is_latest_start else "from"
        return self._say(name, rain=rain, start=self._clock(known.start))

    def _peak(self) -> str:
        peak = self.outlook.peak
        assert peak is not None, "rain has a peak"
        rate = self.wording.rate(peak.rate_mm_h)
        if peak.time == self.outlook.time:
            return self._say("peak_now", rate=rate)
        return self._say("peak", rate=rate, time=self._clock(peak.time))

    def _chance(self) -> str:
        if self.outlook.probability is None or self.over_mm_h is None:
            return ""
        percent = round(100 * self.outlook.probability / PERCENT_STEPS) * PERCENT_STEPS
        return self._say("chance", percent=str(percent), rate=self.wording.rate(self.over_mm_h))

    def _ending(self) -> str:
        """What comes after this rain: rain again, none for long enough, or what is not known."""
        known = self.outlook
        if known.again and known.again_from:
            rate, start = self.wording.rate(known.again.rate_mm_h), self._clock(known.again_from)
            return self._say("returns", start=start, rate=rate)
        if known.end is not None:
            name = "dry_again" if self._any_rain else "less_again"
            return self._say(name, end=self._clock(known.end))
        assert known.known_after_spell is not None, "the last time of rain is known"
        name = "stays" if known.last == known.horizon else "end_unknown"
        return self._say(name, end=self._clock(known.known_after_spell))
