"""Stream: what an operator declares. Origin: grid and phase, from its first frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from echocast.model.errors import ContractViolation
from echocast.model.formats.crop import Crop
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.model.formats.reading_words import REGION
from echocast.model.formats.stream_layout import check_name
from echocast.model.grid import Grid
from echocast.model.grid_difference import grid_difference
from echocast.model.horizon import check_leads
from echocast.workers.errors import StreamConflict
from echocast.workers.streams.stream_source import StreamSource

UNITS = ("dBZ", "mm/h")
STEP_TOLERANCE = 0.1  # how far a frame may be from its place in the rhythm, as a share of the step
LATE, LATE_STEPS = timedelta(minutes=15), 2.5  # of any stream, and of one with seldom images
LONGEST_STEP_MINUTES = 60.0
LONGEST_RETENTION_DAYS = 36_500.0
LARGEST_RETENTION_GB = 1e6
LONGEST_GAP_MINUTES = 1440.0
# To earlier versions.
UNKNOWN_BEFORE = (
    "retention_gb",
    "paused",
    "generation",
    "storage",
    "reading",
    "source",
    "newest_only",
    "leads",
)
USUAL_STORAGE: Final = ForecastStorage(products=("expected", "probabilities"))


@dataclass(frozen=True)
class Stream:
    """One radar product that arrives frame by frame.

    Args:
        name: Lower-case letters, digits, ``-`` and ``_``.
        step_minutes: Time between frames, in whole seconds.
        units: Of the frames as they are sent: ``dBZ`` or ``mm/h``.
        grid: Where the pixels are; None: the grid of the first frame.
        retention_days: Frames and forecasts this much older than the newest frame are removed.
        retention_gb: GB (10^9 bytes) of frames and forecasts, beyond which the oldest are removed;
            None: as much as the service allows each stream.
        storage: What of each forecast stays in its file, once it is scored.
        reading: How its frames are read, in the words of :meth:`.Reading.of_words`.
        source: Whose images its frames are; None: not said.
        auto_nowcast: Whether every new frame is forecast from.
        newest_only: Whether frames that waited until a newer one came are not forecast from any
            more; else they are, after it.
        maximum_gap_minutes: Longest time between two frames that is bridged; one missing frame
            always is.
        paused: Whether its frames are refused, and nobody is called when none come.
        generation: How many streams of that name were deleted before it.
        leads: Lead times of each forecast that is served; None: as many as the network makes.

    Raises:
        ContractViolation: The name or a number is none that a stream can have.
    """

    name: str
    step_minutes: float
    units: str = "dBZ"
    grid: Grid | None = None
    retention_days: float = 30.0
    auto_nowcast: bool = True
    maximum_gap_minutes: float = 15.0
    retention_gb: float | None = None
    paused: bool = False
    generation: int = 0
    storage: ForecastStorage = USUAL_STORAGE
    reading: Mapping[str, Any] = field(default_factory=dict)
    source: StreamSource | None = None
    newest_only: bool = False
    leads: int | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        Crop.of_words(**{name: self.reading[name] for name in REGION if name in self.reading})
        if not 0 < self.step_minutes <= LONGEST_STEP_MINUTES or not self._steps_by_seconds:
            raise ContractViolation(
                "A stream's step must be a whole number of seconds and at most"
                f" {LONGEST_STEP_MINUTES:g} minutes, not {60 * self.step_minutes:.10g} seconds.",
                rule="step",
            )
        if self.units not in UNITS:
            raise ContractViolation(
                f"A stream's units must be dBZ or mm/h, not {self.units[:40]!r}.", rule="units"
            )
        if not 1 <= self.retention_days <= LONGEST_RETENTION_DAYS:
            raise ContractViolation(
                f"A stream must be kept for 1 to {LONGEST_RETENTION_DAYS:g} days, not"
                f" {self.retention_days:g}.",
                rule="retention",
            )
        if self.retention_gb is not None and not 0 < self.retention_gb <= LARGEST_RETENTION_GB:
            raise ContractViolation(
                f"A stream may take more than 0 and at most {LARGEST_RETENTION_GB:g} GB, not"
                f" {self.retention_gb:g}.",
                rule="retention",
            )
        if not 0 <= self.maximum_gap_minutes <= LONGEST_GAP_MINUTES:
            raise ContractViolation(
                f"Gaps of 0 to {LONGEST_GAP_MINUTES:g} minutes can be bridged, not of"
                f" {self.maximum_gap_minutes:g}.",
                rule="gap",
            )
        check_leads(self.leads, self.step)

    @property
    def _steps_by_seconds(self) -> bool:
        """Names of files have times to the second."""
        return self.step > timedelta(0) and abs(60 * self.step_minutes - self.step.seconds) < 1e-3

    @property
    def step(self) -> timedelta:
        """Time between frames."""
        return timedelta(seconds=round(60 * self.step_minutes))

    @property
    def longest_gap(self) -> timedelta:
        """Longest time between two frames that is bridged."""
        return max(2 * self.step, timedelta(minutes=self.maximum_gap_minutes))

    def redeclared(self, other: Stream) -> Stream:
        """This stream with the retention and the nowcasting of a later declaration.

        Raises:
            StreamConflict: The later declaration has another step, unit or grid.
        """
        for what, mine, theirs in (
            ("a step of", f"{self.step_minutes:g} minutes", f"{other.step_minutes:g} minutes"),
            ("units of", self.units, other.units),
        ):
            if mine != theirs:
                raise StreamConflict(
                    f"The stream {self.name!r} was declared with {what} {mine}, not {theirs}."
                )
        if self.grid and other.grid and not self.grid.same_as(other.grid):
            raise StreamConflict(
                f"Declarations of the stream {self.name!r} must be on the grid of the first, but"
                f" {grid_difference(self.grid, other.grid)}."
            )
        if (mine := _region(self)) != (theirs := _region(other)):
            raise StreamConflict(
                f"The stream {self.name!r} was declared with the region {mine or 'whole'}, not"
                f" {theirs or 'whole'}; another region is another stream."
            )
        return replace(
            other,
            grid=self.grid or other.grid,
            paused=self.paused,
            generation=self.generation,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal stream back."""
        value = {**self.__dict__, "grid": self.grid.to_json() if self.grid else None}
        value["storage"] = None if self.storage == USUAL_STORAGE else self.storage.to_json()
        value["source"] = asdict(self.source) if self.source else None
        for name in UNKNOWN_BEFORE:
            if not value[name]:
                del value[name]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The stream that :meth:`to_json` described.

        What earlier versions let be is brought to today's limits: a stream declared long ago must
        not hide all others.
        """
        seconds = min(max(round(60 * value["step_minutes"]), 1), 60 * LONGEST_STEP_MINUTES)
        limits = {
            "step_minutes": seconds / 60,
            "retention_days": min(value["retention_days"], LONGEST_RETENTION_DAYS),
            "maximum_gap_minutes": min(max(value["maximum_gap_minutes"], 0), LONGEST_GAP_MINUTES),
        }
        grid = Grid.from_json(value["grid"]) if value["grid"] else None
        storage = ForecastStorage.from_json(value.get("storage") or USUAL_STORAGE.to_json())
        source = StreamSource(**value["source"]) if value.get("source") else None
        return cls(**{**value, **limits, "grid": grid, "storage": storage, "source": source})


def _region(stream: Stream) -> str:
    """Which part of an image its frames are; empty where they are whole."""
    words = {name: stream.reading[name] for name in REGION if name in stream.reading}
    return ", ".join(f"{name} {value}" for name, value in words.items())


@dataclass(frozen=True)
class Origin:
    """What the first frame of a stream fixes for all others.

    Args:
        grid: Where the pixels are.
        phase_seconds: Time of a frame after a multiple of the step since 1970.
    """

    grid: Grid
    phase_seconds: float

    @classmethod
    def of_frame(cls, grid: Grid, time: datetime, step: timedelta) -> Self:
        """The origin that a first frame makes: frames near whole steps are meant to be on them."""
        phase = round(time.timestamp()) % step.total_seconds()
        off = min(phase, step.total_seconds() - phase)
        return cls(grid, 0.0 if off <= STEP_TOLERANCE * step.total_seconds() else phase)

    def place(self, time: datetime, step: timedelta) -> datetime:
        """The time in the stream's rhythm that a frame of about that time takes.

        Raises:
            ContractViolation: The time is between two such places.
        """
        seconds = step.total_seconds()
        count = round((time.timestamp() - self.phase_seconds) / seconds)
        place = datetime.fromtimestamp(count * seconds + self.phase_seconds, UTC)
        if abs(place - time) > STEP_TOLERANCE * step:
            raise ContractViolation(
                f"Frames of this stream are valid every {seconds / 60:g} minutes, e.g. at"
                f" {place.isoformat()}, but this one is valid at {time.isoformat()}.",
                rule="step",
            )
        return place

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal origin back."""
        return {"grid": self.grid.to_json(), "phase_seconds": self.phase_seconds}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The origin that :meth:`to_json` described."""
        return cls(Grid.from_json(value["grid"]), float(value["phase_seconds"]))


def late_after(step: timedelta) -> timedelta:
    """From which age on the newest image of a stream says nothing of now."""
    return max(LATE, LATE_STEPS * step)
