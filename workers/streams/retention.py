"""Retention: what a stream keeps for how long, measured from its newest frame.

Not from the clock: a replayed archive of another year would be gone at once. Forecasts whose last
valid time is not that old yet may still be verified by late frames, and stay.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from echocast.workers.streams.paths import day_folders, day_of, midnight
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

SCORES_DAYS = 400.0


def remove_old(stores: StreamStores, stream: Stream, newest: datetime) -> int:
    """Remove whole days of frames, forecasts and counts that are too old; how many days."""
    kept_from = midnight(newest - timedelta(days=stream.retention_days))
    scored_from = midnight(newest - timedelta(days=max(SCORES_DAYS, stream.retention_days)))
    files = stores.files
    folders = [
        folder
        for root in (f"frames/{stream.name}", f"forecasts/{stream.name}")
        for folder in day_folders(files, root)
        if day_of(folder) < kept_from - timedelta(days=root.startswith("forecasts"))
    ]
    counted = stores.counts.folders(stream.name)
    folders += [folder for day, folder in counted if day < scored_from]
    for folder in folders:
        for entry in files.listing(folder):
            files.delete(entry.path)
        files.remove_folder(folder)
    return len(folders)
