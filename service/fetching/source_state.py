"""SourceState: the state of a stream's source, as its fetcher reports it to the service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, get_args

from pydantic import AwareDatetime, ConfigDict, Field

from echocast.service.http.described_model import DescribedModel
from echocast.service.sources.names import NAME

if TYPE_CHECKING:
    from echocast.service.sources.source import RadarSource

Result = Literal["accepted", "same", "refused", "failed"]
RESULTS: Final = get_args(Result)
Status = Literal["current", "late", "empty", "silent"]
Longitude = Annotated[float, Field(ge=-360, le=540)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Count = Annotated[int, Field(ge=0, le=2**53)]  # what a metric can say exactly
SILENT: Final = timedelta(minutes=20)  # after which a fetcher is taken for dead; it reports sooner
LONGEST_TROUBLE: Final = 1000  # letters
CLOCKS_APART: Final = 60.0  # seconds, from which on a difference of clocks is said
LATE_STEPS: Final = 2  # after its time, from which on an image is missed
MOST_CORNERS: Final = 400  # of an outline


class SourceState(DescribedModel):
    """The state of a source; times are UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str = Field(pattern=NAME)
    """Name of the source."""
    title: str = Field(max_length=300)
    """Agency, product and country."""
    outline: tuple[tuple[Longitude, Latitude], ...] = Field(default=(), max_length=MOST_CORNERS)
    """Where its images show rain: longitudes and latitudes of the corners of a closed line, in
    degrees; east of the date line above 180."""
    step_minutes: float = Field(gt=0)
    """Between images, in minutes."""
    latency_minutes: float = Field(ge=0)
    """How long after its valid time an image is usually there, in minutes."""
    began: AwareDatetime
    """When it was looked at first."""
    reported: AwareDatetime
    """When the fetcher wrote this."""
    newest_image: AwareDatetime | None = None
    """Valid time of the newest image that became a frame."""
    last_success: AwareDatetime | None = None
    """When an image last became a frame."""
    trouble: str = Field(default="", max_length=LONGEST_TROUBLE)
    """What stood in the way at the last look; empty: nothing."""
    clock_ahead_seconds: float = 0.0
    """How far the fetcher's clock is ahead of the agency's."""
    images: dict[Result, Count] = Field(default_factory=dict)
    """Images by what became of them: a new frame (``accepted``), a frame that was there (``same``),
    no frame for good (``refused``), or tried again later (``failed``)."""

    @classmethod
    def of(cls, source: RadarSource, now: datetime) -> Self:
        """The state of a source that is looked at for the first time."""
        return cls(
            source=source.name,
            title=source.title,
            outline=source.area.corners,
            step_minutes=source.step_minutes,
            latency_minutes=source.latency_minutes,
            began=now,
            reported=now,
            images=dict.fromkeys(RESULTS, 0),
        )

    def going_on(self, known: Mapping[str, Any]) -> Self:
        """The state, with what was counted before the fetcher was started again."""
        names = ("began", "newest_image", "last_success", "images")
        return self.model_validate({**self.model_dump(), **{name: known[name] for name in names}})

    def counted(self, result: Result) -> Self:
        """The state with one image more."""
        images = {**dict.fromkeys(RESULTS, 0), **self.images}
        return self.model_copy(update={"images": {**images, result: images[result] + 1}})

    def succeeded(self, image: datetime, now: datetime) -> Self:
        """The state after an image became a frame, or proved to be one already."""
        newest = max(image, self.newest_image or image)
        return self.model_copy(update={"newest_image": newest, "last_success": now})

    def in_words(self, now: datetime) -> str:
        """The state in one sentence, or two where clocks differ."""
        sentence = self._sentence(now)
        if abs(self.clock_ahead_seconds) < CLOCKS_APART:
            return sentence
        minutes = abs(self.clock_ahead_seconds) / 60
        side = "ahead of" if self.clock_ahead_seconds > 0 else "behind"
        return f"{sentence} The clock here is {minutes:.0f} min {side} the agency's."

    def _sentence(self, now: datetime) -> str:
        since = _clock(self.newest_image, now) if self.newest_image else ""
        trouble = self.trouble or "the agency shows none."
        match self.status_at(now):
            case "silent":
                reported = _clock(self.reported, now)
                return f"Nothing was heard of `echocast fetch` since {reported}; does it run?"
            case "empty":
                return f"There is no image yet: {trouble}"
            case "late":
                return f"No new image since {since}: {trouble}"
        return f"The newest image is of {since}."

    def status_at(self, now: datetime) -> Status:
        """Whether images come; ``silent`` where the fetcher does not report, ``empty`` before the
        first image.
        """
        if now - self.reported > SILENT:
            return "silent"
        if self.newest_image is None:
            return "empty"
        return "late" if self.is_late(now) else "current"

    def is_late(self, now: datetime) -> bool:
        """Whether the image after the newest is missed by now."""
        since = (now - (self.newest_image or self.began)) / timedelta(minutes=1)
        return since > self.latency_minutes + (1 + LATE_STEPS) * self.step_minutes


def _clock(time: datetime, now: datetime) -> str:
    """A time of today as 14:05 UTC, another with its day, whatever zone it was reported in."""
    try:
        time, today = time.astimezone(UTC), now.astimezone(UTC).date()
    except OverflowError:  # of the year 1 or 9999
        return time.isoformat()
    return f"{time:%H:%M} UTC" if time.date() == today else f"{time:%Y-%m-%d %H:%M} UTC"
