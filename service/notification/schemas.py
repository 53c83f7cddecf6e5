"""What rules are declared by, and what is answered about them."""

from __future__ import annotations

import hashlib
from datetime import datetime, time
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from echocast.service.http.described_model import DescribedModel
from echocast.service.http.schemas import Answer
from echocast.service.rain.wording import Language, zone_of

CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Clock = Annotated[str, Field(pattern=CLOCK)]


def _time_zone(name: str) -> str:
    zone_of(name)
    return name


class QuietHours(DescribedModel):
    """Hours of every day in which nothing is sent, by the time zone of the rule."""

    model_config = ConfigDict(extra="forbid", strict=True)

    begin: Clock = "22:00"
    """From then on, such as ``22:00``."""
    end: Clock = "07:00"
    """Until then, on the next day where that is earlier."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.begin == self.end:
            raise ValueError("Quiet hours begin and end at different times")
        return self

    def contain(self, clock: time) -> bool:
        """Whether they contain a time of day; their end is no part of them."""
        begin, end = time.fromisoformat(self.begin), time.fromisoformat(self.end)
        if begin < end:
            return begin <= clock < end
        return clock >= begin or clock < end


class RuleDeclaration(DescribedModel):
    """When a message about the rain at a place is sent, and where to."""

    model_config = ConfigDict(extra="forbid", strict=True)

    stream: str = Field(max_length=64)
    """The stream whose rain it is."""
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=360)
    threshold_mm_h: float = Field(default=0.1, gt=0, le=200)
    """From which rate on it counts as rain."""
    within_minutes: int = Field(default=30, ge=0, le=120)
    """Rain that is expected to begin within so many minutes is sent; 0: only rain that is there."""
    probability: float = Field(default=0.0, ge=0, le=1)
    """Least probability of rain that is expected; rain that is there needs none."""
    pause_minutes: int = Field(default=60, ge=10, le=1440)
    """An event is over after so long without rain or any that is expected: the next is another."""
    quiet_hours: QuietHours | None = None
    """Left out or null: messages are sent at any time."""
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_time_zone)] = "UTC"
    """Of quiet hours and of times in messages, such as ``Europe/Zurich``."""
    language: Language = "en"
    """Of messages."""
    after_outage: bool = False
    """Whether a message says so when the rain is known again after half an hour or more."""
    send_to: list[Annotated[str, Field(max_length=1000)]] = Field(min_length=1, max_length=5)
    """Addresses in the form of apprise, e.g. ``ntfys://host/topic``; their hosts must be among
    ``ECHOCAST_NOTIFY_HOSTS``. They are secrets: no answer shows more than scheme and host."""

    def is_quiet(self, now: datetime) -> bool:
        """Whether nothing is sent at a time."""
        zone = zone_of(self.time_zone)
        return self.quiet_hours is not None and self.quiet_hours.contain(
            now.astimezone(zone).time()
        )

    @property
    def digest(self) -> str:
        """What distinguishes rules: one that is changed begins again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Rule(Answer):
    """A rule as it is stored.

    Its owner is the name of the key that made it; empty where the service had no keys.
    """

    name: str
    owner: str
    declared: RuleDeclaration


class RuleView(Answer):
    """A rule, without the secrets of its addresses."""

    name: str
    declared: RuleDeclaration
    """As it was sent; of each address only scheme and host."""
    in_event: bool
    """Whether rain was sent, and that event is not over."""
    known_at: datetime | None
    """When the rain was last known, so that the rule was judged; null: not yet."""
    undelivered: int
    """Addresses that have not taken the newest message yet (count)."""


class RuleList(Answer):
    """Rules by their names."""

    rules: list[RuleView]
