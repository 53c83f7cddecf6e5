"""What one app owns: made once when it starts, so that tests patch nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from echocast.service.auth.audit import AuditLog
from echocast.service.auth.key_ring import KeyRing
from echocast.service.auth.rate_limit import ConcurrencyLimit, RateLimit
from echocast.service.auth.refusal_pause import RefusalPause
from echocast.service.imagery.stream_maps import StreamMaps
from echocast.service.imagery.warm_tiles import WarmTiles
from echocast.service.metrics.exposition import StreamExposition
from echocast.service.metrics.http import GatewayMetrics
from echocast.service.nowcasts.forecast_files import ForecastFiles
from echocast.service.nowcasts.nowcasts import Nowcasts
from echocast.service.settings import ServiceSettings
from echocast.service.streams.streams import Streams
from echocast.workers.archive.scratch import Scratch


@dataclass(frozen=True)
class Resources:
    """Everything that one app owns."""

    settings: ServiceSettings
    keys: KeyRing
    submissions: RateLimit
    uploads: ConcurrencyLimit
    refusals: RefusalPause
    metrics: GatewayMetrics
    scratch: Scratch
    nowcasts: Nowcasts
    forecast_files: ForecastFiles
    streams: Streams
    maps: StreamMaps
    warm_tiles: WarmTiles
    exposition: StreamExposition
    audit: AuditLog


def resources_of(request: Request) -> Resources:
    """What the app of this request owns.

    Dependencies call it: those that depend on others cost more, as FastAPI solves the whole tree
    for each that names them.
    """
    resources: Resources = request.app.state.resources
    return resources


async def get_resources(request: Request) -> Resources:
    """The same for routes; not in a thread, which would cost more than it does."""
    return resources_of(request)


async def get_nowcasts(request: Request) -> Nowcasts:
    """The nowcasts of this app."""
    return resources_of(request).nowcasts


AppResources = Annotated[Resources, Depends(get_resources)]
AppNowcasts = Annotated[Nowcasts, Depends(get_nowcasts)]
