"""What the service answers about rain at a place."""

from __future__ import annotations

from datetime import datetime

from echocast.model.outlook.outlook import State
from echocast.service.http.schemas import Answer
from echocast.service.rain.wording import Language


class RainAnswer(Answer):
    """Rain at a place, from the newest image on; times are UTC. Null is what is not known, or what
    there is not: never "dry"."""

    stream: str
    latitude: float
    longitude: float
    generated: datetime
    """When this was answered; minutes count from it."""
    observed: datetime | None
    """Valid time of the newest image; null where it is damaged."""
    forecast_reference_time: datetime
    """Valid time of the newest image that the forecast is made of."""
    horizon: datetime
    """The last time of the forecast."""
    stale: bool
    """Whether images are late: what it rains now is not known then, and what the forecast says of
    the time to come counts only where it is rain."""
    threshold_mm_h: float
    """From which rate on it counts as rain here."""
    state: State
    """``rain`` at the newest image; ``rain-expected``; ``no-rain``, where all times of image and
    forecast are known; ``unknown``."""
    raining_now: bool | None
    """At the newest image."""
    rate_now_mm_h: float | None
    next_start: datetime | None
    """When rain begins; null where it rains, or none is forecast."""
    next_start_is_latest: bool
    """It may begin earlier: the times before are not known."""
    next_end: datetime | None
    """When that rain, or the rain of now, has ended for at least ten minutes; null where that can't
    be said."""
    minutes_until_start: int | None
    minutes_until_end: int | None
    rain_again: datetime | None
    """When it begins to rain once more."""
    peak_mm_h: float | None
    """The highest rate of that rain, at ``peak_time``."""
    peak_time: datetime | None
    probability: float | None
    """The highest probability of this rain, or of the whole forecast where it is dry, that the rate
    reaches ``probability_over_mm_h``."""
    probability_over_mm_h: float | None
    """The rate, of those that the model has, that is nearest to the threshold."""
    sentence: str
    language: Language
    attribution: str
    """Whom the source of the images wants to be named."""
    licence: str
