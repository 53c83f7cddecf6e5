"""Job: one nowcast from request to terminal state, as the engine's hash has it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from echocast.model.forecast import ModelIdentity

WAITING = ("accepted", "queued")
TERMINAL = ("succeeded", "failed", "cancelled", "expired")
DEFAULT_PRODUCT = "reflectivity"
HOLDER_FIELD = "held:"  # fields of the hash: how many requests of a caller need the job
AFTER_FRAMES = 10**11  # seconds: later than any reference time
LONGEST_LINE = 100  # jobs of a stream that wait behind its newest frame
SMALLEST_CHARGE = 0.1  # megapixels: what a job of few pixels costs besides


@dataclass(frozen=True)
class JobPolicy:
    """Limits and patience of the job store; all times in seconds."""

    queue_limit: int = 1000
    caller_queue_limit: int = 500
    lease_seconds: float = 15.0
    maximum_attempts: int = 3
    deadline_seconds: float = 900.0
    ttl_seconds: int = 7 * 86400
    idempotency_ttl_seconds: int = 86400


@dataclass(frozen=True)
class JobRequest:
    """The forecast that a caller asks for.

    Args:
        input_sha: Archive name of the ten input frames.
        forecast_reference_time: Valid time of the newest input frame, UTC.
        model_name: Name of the model that shall answer.
        model_version: Its version.
        shape: (frames, height, width) of the input.
        observation_sha: Archive name of frames after the reference time, to score against.
        product: Product settings; different ones are different forecasts.
        leads: Lead times of the forecast; None: as many as the network makes.
        caller: Who asks, by the name of the API key; empty: there are no keys.
        idempotency_key: The caller's own name for this request.
        body_sha: Hash of everything the caller sent, compared when the key comes again.
        lost_generation: The generation whose forecast is gone, so that another one is to be made.
        stream: The stream whose frames are the input, up to the reference time; empty: the input
            is in the archive as ``input_sha``.
        frame_received: When the newest frame of a stream came; another time means that it was sent
            again.
        newest: Whether the frame is the newest of its stream: its forecast goes before all others.
        account: Whose turns the job takes: the name of the API key, or an address; of a stream,
            :func:`stream_account`.
        weight: The share of the workers that the account has, relative to the shares of others.
        request_id: Of the HTTP request that made the job, for logs.
        traceparent: The span that the job belongs to, as W3C Trace Context writes it.
    """

    input_sha: str
    forecast_reference_time: datetime
    model_name: str
    model_version: str
    shape: tuple[int, int, int]
    observation_sha: str | None = None
    product: str = DEFAULT_PRODUCT
    caller: str = ""
    idempotency_key: str | None = None
    body_sha: str = ""
    lost_generation: int = 0
    stream: str = ""
    frame_received: datetime | None = None
    newest: bool = False
    account: str = ""
    weight: float = 1.0
    request_id: str = ""
    traceparent: str = ""
    leads: int | None = None

    @property
    def job_id(self) -> str:
        """Content address: the same forecast has the same id on every gateway."""
        time = self.forecast_reference_time.astimezone(UTC).isoformat()
        parts = [self.input_sha, time, self.model_name, self.model_version, self.product]
        parts += [] if self.leads is None else [f"{self.leads} leads"]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    @property
    def charge(self) -> float:
        """What the job costs its account, in megapixels; no job is free."""
        return (SMALLEST_CHARGE + math.prod(self.shape) / 1e6) / self.weight

    @property
    def rank(self) -> str:
        """The place in the line of a stream: frames from new to old, then what is compared."""
        after = 0 if self.product == DEFAULT_PRODUCT else AFTER_FRAMES
        return str(after - int(self.forecast_reference_time.timestamp())) if self.stream else ""

    @property
    def goes_first(self) -> bool:
        """Whether it is the forecast of a stream's newest frame that is served."""
        return self.newest and self.product == DEFAULT_PRODUCT

    def to_json(self) -> str:
        """The part of the request that a worker needs, as stored in the job hash."""
        request: dict[str, Any] = {
            "input_sha": self.input_sha,
            "forecast_reference_time": self.forecast_reference_time.isoformat(),
            "model": [self.model_name, self.model_version],
            "shape": self.shape,
            "product": self.product,
            "stream": self.stream,
        }
        if self.request_id:
            request["request_id"] = self.request_id
        if self.traceparent:
            request["traceparent"] = self.traceparent
        if self.frame_received:
            request["frame_received"] = self.frame_received.isoformat()
        if self.leads is not None:
            request["leads"] = self.leads
        return json.dumps(request)


def stream_account(stream: str) -> str:
    """The account whose turns the forecasts of a stream take; no API key has such a name."""
    return f"stream={stream}"


@dataclass(frozen=True)
class JobError:
    """Why a job failed.

    Args:
        type: Stable short name, e.g. ``poison``, ``out-of-memory``, ``internal``.
        message: One whole sentence.
    """

    type: str
    message: str


@dataclass(frozen=True)
class Job:
    """One job at one moment. Times are UTC; ``timings`` are seconds per phase.

    ``generation`` counts fresh starts after a failed, cancelled or expired end; ``holders`` counts
    the requests that need the job; ``verified`` counts the observation sets that are scored;
    ``callers`` are those who ever asked for it; ``alone`` is true where it may have ended a worker;
    a negative ``turn`` is that of a stream's newest frame; ``leads`` are those requested, None: as
    many as the network makes; ``lead_sources`` are empty where an earlier version answered.
    """

    id: str
    status: str
    generation: int
    holders: int
    attempts: int
    input_sha: str
    forecast_reference_time: datetime
    model: ModelIdentity
    shape: tuple[int, int, int]
    product: str
    created: datetime
    stream: str = ""
    frame_received: datetime | None = None
    account: str = ""
    turn: float = 0.0
    request_id: str = ""
    traceparent: str = ""
    leads: int | None = None
    callers: frozenset[str] = frozenset()
    alone: bool = False
    started: datetime | None = None
    finished: datetime | None = None
    observation_shas: tuple[str, ...] = ()
    verified: int = 0
    valid_times: tuple[datetime, ...] = ()
    lead_minutes: tuple[float, ...] = ()
    lead_sources: tuple[str, ...] = ()
    quality: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    forecast_path: str | None = None
    verification: Mapping[str, Any] | None = None
    verification_error: JobError | None = None
    error: JobError | None = None

    @property
    def terminal(self) -> bool:
        """True where the status will never change again."""
        return self.status in TERMINAL

    @property
    def may_wait(self) -> bool:
        """True for a stream's older frames, and for forecasts that are only compared."""
        return bool(self.stream) and self.turn >= 0

    @property
    def awaits_verification(self) -> bool:
        """True where the forecast exists but some observations are not scored yet."""
        return self.status == "succeeded" and self.verified < len(self.observation_shas)

    @classmethod
    def from_hash(cls, values: Mapping[str, str]) -> Self:
        """The job that the engine's hash describes."""
        request = json.loads(values["request"])
        result = json.loads(values.get("result", "{}"))
        name, version = result.get("model", request["model"])  # who answered, or shall
        return cls(
            id=values["id"],
            status=values["status"],
            generation=int(values["generation"]),
            holders=int(values["holders"]),
            attempts=int(values["attempts"]),
            input_sha=request["input_sha"],
            forecast_reference_time=datetime.fromisoformat(request["forecast_reference_time"]),
            model=ModelIdentity(name, version, result.get("weights_sha256", "")),
            shape=tuple(request["shape"]),
            product=request["product"],
            stream=request.get("stream", ""),
            frame_received=_iso_time(request.get("frame_received")),
            account=values.get("account", ""),
            turn=float(values.get("turn", 0)),
            request_id=request.get("request_id", ""),
            traceparent=request.get("traceparent", ""),
            leads=request.get("leads"),
            callers=frozenset(
                name[len(HOLDER_FIELD) :] for name in values if name.startswith(HOLDER_FIELD)
            ),
            alone=values.get("solo") == "1",
            created=_time(values["created"]) or datetime.fromtimestamp(0, UTC),
            started=_time(values.get("started")),
            finished=_time(values.get("finished")),
            observation_shas=tuple(values.get("observations", "").split()),
            verified=int(values.get("verified", 0)),
            valid_times=tuple(datetime.fromisoformat(t) for t in result.get("valid_times", ())),
            lead_minutes=tuple(result.get("lead_minutes", ())),
            lead_sources=tuple(result.get("lead_sources", ())),
            quality=result.get("quality", {}),
            timings=result.get("timings", {}),
            forecast_path=result.get("forecast_path"),
            verification=json.loads(values.get("verification", "null")),
            verification_error=_error(values.get("verification_error")),
            error=_error(values.get("error")),
        )


@dataclass(frozen=True)
class Submission:
    """A job and whether this request created it."""

    job: Job
    created: bool


@dataclass(frozen=True)
class Sweep:
    """What a sweep did: ids that it published again or ended, and counts of what it decided."""

    publish: tuple[str, ...]
    verify: tuple[str, ...]
    ended: tuple[str, ...]
    lapsed: int
    poisoned: int
    expired: int


def _time(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if text else None


def _iso_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _error(text: str | None) -> JobError | None:
    return JobError(**json.loads(text)) if text else None
