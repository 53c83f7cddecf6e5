"""Sources at played agencies."""

from __future__ import annotations

from typing import Any

from echocast.service.sources.source import RadarSource

CLOCK = {"kind": "clock", "url": "http://127.0.0.1:1/%Y%m%d%H%M.nc"}


def played_source(url: str = "", name: str = "played", **changes: Any) -> RadarSource:
    """A source by its clock at an address, or what ``changes`` make of it."""
    fetch = {**CLOCK, "url": f"{url}/%Y%m%d%H%M.nc"} if url else CLOCK
    return RadarSource.model_validate(
        {
            "name": name,
            "title": "Played agency",
            "step_minutes": 5,
            "latency_minutes": 2,
            "retention_hours": 24,
            "tried": "never",
            "hosts": ["127.0.0.1", "radar.example"],
            "area": {"bbox": [0, 40, 20, 60]},
            "licence": {"name": "none", "attribution": "Played", "url": "https://radar.example/"},
            "fetch": fetch,
            **changes,
        }
    )
