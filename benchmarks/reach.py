"""How much of the grid of radar events no echo can reach, so that it need not be computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.inference.preprocessing import prepare, reach, reach_pixels
from echocast.model.inference.tiling import skipped_share
from echocast.model.network.config import RADAR

COLUMNS = ("event", "grid", "reach in pixels", "beyond reach", "skipped: mean (range)", "n")


def measure(file: Path, times: int) -> dict[str, Any]:
    """Plain JSON values of one event.

    Args:
        file: A CF NetCDF file; only the frames that are needed are read.
        times: Reference times, evenly through the event.
    """
    count = len(read_netcdf(file, y_slice=slice(1), x_slice=slice(1)))
    beyond, skipped = [], []
    for newest in np.linspace(RADAR.input_frames, count, times).round().astype(int):
        frames = read_netcdf(file, time_slice=slice(newest - RADAR.input_frames, newest))
        prepared = prepare(frames, RADAR)
        near = reach(prepared, RADAR)
        beyond.append(1 - float(near.mean()))
        skipped.append(skipped_share(torch.from_numpy(near[None]), RADAR.patch))
    return {
        "event": file.stem,
        "grid": frames.grid.shape,
        "reach_pixels": reach_pixels(prepared, RADAR),
        "beyond_reach": beyond,
        "skipped": skipped,
    }


def cells(row: Mapping[str, Any]) -> list[object]:
    """A row for people, under :data:`COLUMNS`."""
    skipped, (height, width) = row["skipped"], row["grid"]
    spread = f"{np.mean(skipped):.0%} ({min(skipped):.0%} to {max(skipped):.0%})"
    columns = [row["event"], f"{height} x {width}", row["reach_pixels"]]
    return [*columns, f"{np.mean(row['beyond_reach']):.0%}", spread, len(skipped)]
