"""What a running service says of itself: whether it is ready, its workers, model and streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from echocast.service.client.errors import ServiceAway, ServiceRefused
from echocast.service.http.answer_times import time_of_answer

CHAMPION = "champion"


@dataclass(frozen=True)
class ServiceState:
    """What a service answered.

    Args:
        url: Where it was asked.
        version: Of the service.
        ready: Whether it accepts nowcasts.
        why_not: The service's own sentence where it does not; else empty.
        workers: Those that are alive: device, models and when they were started.
        queued: Jobs that wait.
        serving: The model that serves, ``name/version``; empty where none does.
        streams: Those that the key may use, as ``GET /streams`` has them, with ``fetching``.
        clock_ahead_seconds: Of this machine against the service's, to a second.
    """

    url: str
    version: str
    ready: bool
    why_not: str = ""
    workers: list[dict[str, Any]] = field(default_factory=list)
    queued: int | None = None
    serving: str = ""
    streams: list[dict[str, Any]] = field(default_factory=list)
    clock_ahead_seconds: float = 0.0

    def lines(self, now: datetime) -> Iterator[str]:
        """The state for people; ages are those at ``now``."""
        yield f"Echocast {self.version} at {self.url}: {'ready' if self.ready else 'not ready'}"
        if self.why_not:
            yield f"  {self.why_not}"
        if self.workers:
            devices = ", ".join(worker["device"] for worker in self.workers)
            yield f"  workers: {len(self.workers)} ({devices}); {self.queued} jobs wait"
        if self.serving:
            yield f"  model: {self.serving}"
        yield from stream_lines(self.streams, now)


def stream_lines(streams: list[dict[str, Any]], now: datetime) -> Iterator[str]:
    """A line for each stream, one for its disk, and one where its source has something to say."""
    if not streams:
        yield "There is no stream yet; `echocast up --source NAME` or `echocast watch` makes one."
    for stream in streams:
        every = f"every {stream['step_minutes']:g} min"
        newest, latest = (_age(stream[name], now) for name in ("newest_frame", "latest_forecast"))
        paused = "  paused" if stream["paused"] else ""
        yield f"{stream['name']}  {every}  newest frame {newest}  latest forecast {latest}{paused}"
        if disk := stream.get("disk"):
            yield f"    Disk: {disk['summary']}"
        if fetching := stream.get("fetching"):
            yield f"    {fetching['sentence']}"


def _age(text: str | None, now: datetime) -> str:
    if text is None:
        return "none"
    time = datetime.fromisoformat(text)
    age = now - time
    if age > timedelta(days=1):
        return f"{time:%Y-%m-%d %H:%M}Z ({age.days} d ago)"
    return f"{time:%H:%M}Z ({age.total_seconds() / 60:.0f} min ago)"


def service_state(client: httpx.Client) -> ServiceState:
    """Ask a service for its state.

    Args:
        client: With its base URL and, where there are keys, a key of scope read.

    Raises:
        ServiceAway: Nothing answers there.
        ServiceRefused: It refuses the key, or is no Echocast.
    """
    url = str(client.base_url).rstrip("/")
    about = _json(_answer(client, "/"))
    if about.get("service") != "echocast":
        raise ServiceRefused(f"What answers at {url} is no Echocast service.")
    readiness = _answer(client, "/readyz")
    ready = readiness.json()
    aliases = _json(_answer(client, "/models")).get("aliases", {})
    return ServiceState(
        url=url,
        version=about["version"],
        ready=readiness.is_success,
        why_not="" if readiness.is_success else ready["detail"],
        workers=ready.get("workers", []),
        queued=ready.get("queued"),
        serving=aliases.get(CHAMPION, ""),
        streams=streams_of(client),
        clock_ahead_seconds=_clock_ahead(readiness.headers),
    )


def streams_of(client: httpx.Client) -> list[dict[str, Any]]:
    """The streams of a service that the key may use, each as ``GET /streams/{name}`` has it.

    Raises:
        ServiceAway: Nothing answers there.
        ServiceRefused: It refuses the key, or is no Echocast.
    """
    listed = _json(_answer(client, "/streams")).get("streams", [])
    views = [_json(_answer(client, f"/streams/{stream['name']}")) for stream in listed]
    return [view for view in views if view]


def _answer(client: httpx.Client, path: str) -> httpx.Response:
    try:
        return client.get(path, headers={"Accept": "application/json"})
    except httpx.TransportError as error:
        url = str(client.base_url).rstrip("/")
        raise ServiceAway(
            f"No service answers at {url}: {error or type(error).__name__}."
        ) from None


def _json(answer: httpx.Response) -> dict[str, Any]:
    """The body of a success; empty where the service has trouble, of which readiness speaks.

    Raises:
        ServiceRefused: It is a refusal, or no JSON.
    """
    try:
        body = answer.json()
    except ValueError:
        raise ServiceRefused(f"What answers at {answer.url} is no Echocast service.") from None
    if answer.is_client_error:
        raise ServiceRefused(str(body.get("detail", answer.reason_phrase)))
    return {} if answer.is_error else dict(body)


def _clock_ahead(headers: Mapping[str, str]) -> float:
    there = time_of_answer(headers)
    return round((datetime.now(UTC) - there).total_seconds()) if there else 0.0
