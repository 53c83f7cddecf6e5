"""Archives of synthetic weather, tiny networks, and retrainings that take seconds."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from echocast.model.frames import Frames
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry.checkpoint import save
from echocast.model.registry.registry import Registry
from echocast.model.retraining.archive_builder import add
from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.pipeline import Retraining
from echocast.model.retraining.publish import PublishOptions
from echocast.model.retraining.stages import Work
from echocast.model.synthetic.storms import storm

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
STEP = timedelta(minutes=6)
EVENT_EVERY = timedelta(hours=8)
SEEDS = (271, 208, 293, 325, 209, 246, 245, 248, 255, 288, 207, 256)  # of heavy rain
TINY = replace(
    RADAR_SMALL,
    layers=2,
    hidden_channels=4,
    input_frames=4,
    output_frames=3,
    exceedance_thresholds_dbz=(20.0, 30.0, 40.0),
)
CONFIG = {
    "crop": 48,
    "windows": 200,
    "crops": 2,
    "stride": 2,
    "steps": 40,
    "batch": 4,
    "peak_rate": 0.01,
    "rules": {"wet_share": 0.0},
    "gate": {
        "fewest_events": 3,
        "fewest_blocks": 4,
        "fewest_storms": 4,
        "fewest_pixels": 50,
        "block_minutes": 30.0,
    },
}


def event(number: int, *, frames: int = 13, side: int = 64) -> Frames:
    """The weather of one event."""
    start = BEGIN + number * EVENT_EVERY
    return storm(SEEDS[number], frames=frames, height=side, width=side, start=start)


def fill(store: Path, events: Iterable[Frames], stream: str = "radar") -> FrameArchive:
    for frames in events:
        add(frames, store, stream, "test")
    return FrameArchive(str(store))


def network(*, dry_db: float = 0.0) -> Network:
    """Scale-damped extrapolation, its head moved down by so many dB: a crippled one."""
    torch.manual_seed(0)
    made = Network(TINY)
    patch = TINY.patch**2
    with torch.no_grad():
        made.head.bias[:patch] -= dry_db / 70
        made.head.bias[patch : 2 * patch] -= dry_db / 3
    return made


def registry(root: Path, champion: Network) -> Registry:
    """Models of one's own, of which one serves."""
    made = Registry(root)
    staged = made.stage("tiny")
    save(champion, staged, {"cuts": [0.4, 0.3, 0.2]})
    made.publish(staged, "tiny", "1")
    made.promote("tiny/1", who="test", why="First.")
    return made


def steady_clock():
    """A clock of equal ticks: nothing in a test depends on the machine's speed."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


def retraining(
    archive: FrameArchive, models: Registry, work: Path, *, promotes=False, number=None, **fields
) -> Retraining:
    config = RetrainingConfig.from_json({**CONFIG, **fields})
    options = PublishOptions("test", "Because.", promotes, number)
    return Retraining(archive, models, Work(work), config, options, clock=steady_clock())
