"""Files of a source that nobody publishes."""

from __future__ import annotations

from pathlib import Path

from echocast.service.sources.library import load_source
from echocast.service.sources.source import RadarSource

HEAD = """
title = "Played agency"
step_minutes = 5
latency_minutes = 7
retention_hours = 24
tried = "never"
hosts = ["a.example"]

[area]
bbox = [-24.6, 33.0, 40.0, 70.6]

[licence]
name = "CC-BY-4.0"
attribution = "Radar data: a played agency."
url = "https://a.example/terms"
"""
FETCH = """
[fetch]
kind = "clock"
url = "https://a.example/%Y/%m/%d/A@%Y%m%dT%H%M@0.h5"
"""
CLOCK = HEAD + FETCH


def played(folder: Path, fetch: str) -> RadarSource:
    """A source that is fetched as the lines say."""
    path = folder / "played.toml"
    path.write_text(f"{HEAD}\n[fetch]\n{fetch}")
    return load_source(path)
