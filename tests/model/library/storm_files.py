"""A storm in files, and a tiny network that forecasts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from echocast.model.formats.forecast_writer import write_frames
from echocast.model.frames import Frames
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.synthetic.storms import storm

TINY = replace(RADAR_SMALL, hidden_channels=4, kernel=1, layers=2)
REFERENCE = "2026-07-01T13:00:00"  # of 26 frames every five minutes the 13th


def whole_storm() -> Frames:
    return storm(2, frames=26, height=72, width=64, step_minutes=5, coverage_radius_km=40)


def event_files(folder: Path) -> list[Path]:
    """Two files, the later frames in the first."""
    frames, folder = whole_storm(), folder / "event"
    folder.mkdir()
    paths = [folder / "a.nc", folder / "b.nc"]
    for part, path in zip((frames[9:], frames[:9]), paths, strict=True):
        write_frames(part, path)
    return paths


def tiny_models(folder: Path) -> Path:
    torch.manual_seed(0)
    network = Network(TINY)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    checkpoint.save(network, folder / "models" / "tiny" / "1", {})
    (folder / "models" / "aliases.json").write_text('{"champion": "tiny/1"}')
    return folder / "models"
