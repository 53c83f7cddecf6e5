"""What the service answers, with units and limits."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from echocast.service.http.described_model import DescribedModel

Status = Literal["accepted", "queued", "running", "succeeded", "failed", "cancelled", "expired"]
Count = int


class Answer(DescribedModel):
    """Base of all answers: frozen, documented by attribute docstrings."""

    model_config = ConfigDict(frozen=True)


class Links(Answer):
    """Where to go from here; paths on this host."""

    self: str
    forecast: str
    verification: str
    observations: str


class JobAccepted(Answer):
    """A nowcast that has been accepted."""

    id: str
    """Name of the job: 32 hexadecimal digits; the same forecast always has the same."""
    status: Status
    links: Links


class ModelName(Answer):
    """Which weights answer."""

    name: str
    version: str
    weights_sha256: str = ""


class Failure(Answer):
    """Why a job, or the scoring of its observations, failed."""

    type: str
    """Stable short name, e.g. ``poison`` for a job whose workers died three times."""
    message: str


class Scores(Answer):
    """Counts of pixels, and the scores that are quotients of them; undefined is null, never 0."""

    hits: Count
    misses: Count
    false_alarms: Count
    correct_negatives: Count
    csi: float | None
    """Critical success index, 0..1, best 1."""
    pod: float | None
    """Probability of detection, 0..1, best 1."""
    far: float | None
    """False alarm ratio, 0..1, best 0."""
    bias: float | None
    """Frequency bias, best 1."""


class LeadScores(Scores):
    """Scores at one lead time."""

    lead_minutes: float
    """Valid time minus forecast reference time, in minutes."""


class ThresholdScores(Answer):
    """Scores of one method at one threshold, for each lead and all leads together."""

    leads: list[LeadScores]
    pooled: Scores


class LeadSample(Answer):
    """How much one lead was judged on."""

    lead_minutes: float
    frames: int
    pixels: int


class Sample(Answer):
    """How much the scores rest on; every method is judged on the same pixels."""

    frames: int
    """Observed frames."""
    pixels: int
    """Pixels observed and forecast, over all leads."""
    leads: list[LeadSample]


class VerificationScores(Answer):
    """Contingency tables and scores: method, then threshold in dBZ."""

    methods: dict[str, dict[str, ThresholdScores]]
    """``model``, ``extrapolation``, ``persistence``; then ``30``, ``40``, ``50`` (dBZ)."""
    sample: Sample | None = None


class JobView(Answer):
    """One nowcast as it stands."""

    id: str
    status: Status
    forecast_reference_time: datetime
    """Valid time of the newest input frame, UTC."""
    valid_times: list[datetime]
    """What the forecast frames depict, UTC."""
    lead_minutes: list[float]
    """Valid times minus reference time, in minutes."""
    lead_sources: list[str]
    """What makes each lead time: ``network``, ``extrapolation`` or ``persistence``; empty where an
    earlier version did not state it."""
    model: ModelName
    quality: dict[str, str]
    """Notes for the reader, e.g. an assumed pixel size."""
    timings: dict[str, float]
    """Seconds per phase: queue, load, prepare, network, write, verify, total."""
    attempts: int
    """How many workers have started it."""
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    error: Failure | None = None
    verification: VerificationScores | None = None
    verification_error: Failure | None = None
    links: Links


class ObservationsAccepted(JobAccepted):
    """Observations that have been accepted."""

    ignored_times: list[datetime]
    """Later times that fit no lead of the forecast; those observations are not scored."""


class ObservationScores(VerificationScores):
    """Scores with the new observations."""

    ignored_times: list[datetime]
    """Later times that fit no lead of the forecast; those observations are not scored."""


class ForecastFrames(Answer):
    """A forecast as JSON; its fields are those that ``POST /nowcast`` takes."""

    frames: list[list[list[float | None]]] = Field(min_length=1)
    """(time, y, x) in dBZ, row 0 first as in the input; null where there is no forecast."""
    times: list[datetime]
    units: Literal["dBZ"]
    forecast_reference_time: datetime
    lead_minutes: list[float]
    lead_sources: list[str]
    """What makes each lead time: ``network``, ``extrapolation`` or ``persistence``; empty where an
    earlier version did not state it."""
    model: ModelName
    product: Literal["default", "expected", "sharp"]
    """What the frames are: where to warn, what to expect, or what it may look like."""
    no_rain_dbz: float
    """Value of dry pixels, in dBZ."""
    grid: dict[str, object]
    exceedance_thresholds_dbz: list[float]
    """Thresholds of the probabilities, in dBZ; empty where the model gives none."""
    exceedance_probability_percent: list[list[list[list[int | None]]]]
    """(threshold, time, y, x): probability of reaching the threshold, in whole percent."""
    not_stored: list[str]
    """What the stream's ``storage`` leaves out of this forecast; nothing is computed instead."""


class Health(Answer):
    """The process lives."""

    status: Literal["ok"] = "ok"


class WorkerView(Answer):
    """A live worker."""

    device: str
    models: list[str]
    started: datetime


class Readiness(Answer):
    """The service can take nowcasts."""

    status: Literal["ready"] = "ready"
    workers: list[WorkerView]
    queued: int
    """Jobs that wait."""


class Problem(Answer):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    """Stable name, ``urn:echocast:problem:...``."""
    title: str
    status: int
    detail: str
    rule: str | None = None
    """Stable name of the broken rule of the input contract, where one was broken."""
    request_id: str | None = None
    """The id of the request, also in ``X-Request-ID`` and in the log, where the fault is ours."""
