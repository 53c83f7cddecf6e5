"""Inspection: what a reader sees in radar files, and whether a nowcast could be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.contract import InputContract, split
from echocast.model.errors import EchocastError
from echocast.model.formats.outline import outline
from echocast.model.formats.readers import read_header
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.reflectivity import ECHO_FLOOR_DBZ, ZR

CARRIED = ("institution", "source", "license", "original_quantity")


def inspected(
    paths: Sequence[Path], frames: Frames, input_frames: int, reading: Reading
) -> dict[str, Any]:
    """What files hold, as plain JSON values.

    Args:
        paths: The files.
        frames: What :func:`.readers.read_frames` read from them.
        input_frames: Frames that a nowcast needs.
        reading: As they were read.

    Raises:
        InputError: A file can't be read.
    """
    return {
        "files": [_file(path, reading) for path in paths],
        "frames": len(frames),
        "times": _times(frames),
        "grid": _grid(frames.grid),
        **_values(frames),
        "zr": _relation(frames.attributes),
        "provenance": {k: frames.attributes[k] for k in CARRIED if k in frames.attributes},
        "quality": dict(frames.notes),
        "nowcast": _verdict(frames, input_frames),
    }


def _file(path: Path, reading: Reading) -> dict[str, Any]:
    header = read_header(path, reading)
    return {
        "name": path.name,
        "kind": header.kind,
        "variable": header.variable,
        "units": header.stated_units,
        "times": len(header.times),
    }


def _times(frames: Frames) -> dict[str, Any]:
    step = frames.step.total_seconds() / 60 if len(frames) > 1 else None
    return {
        "first": frames.times[0].isoformat(),
        "last": frames.times[-1].isoformat(),
        "step_minutes": step,
    }


def _grid(grid: Grid) -> dict[str, Any]:
    size = grid.pixel_size_km
    return {
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "pixel_km": None if size is None else round(size, 4),
        "units": grid.units,
        "projection": grid.crs.get("grid_mapping_name") or ("by WKT" if grid.crs else None),
        **outline(grid),
    }


def _values(frames: Frames) -> dict[str, Any]:
    """Shares of all pixels of all frames, and the range of what is wet."""
    values = frames.reflectivity_dbz
    missing = np.isnan(values)
    wet = values >= max(ECHO_FLOOR_DBZ, np.nextafter(np.float32(frames.no_rain_dbz), np.inf))
    shares = {"missing": missing.mean(), "dry": (~missing & ~wet).mean(), "wet": wet.mean()}
    echoes = values[wet]
    strongest = [
        None if np.isnan(v) else round(float(v), 2) for v in np.fmax.reduce(values, (1, 2))
    ]
    return {
        "shares": {name: round(float(share), 4) for name, share in shares.items()},
        "no_rain_dbz": frames.no_rain_dbz,
        "weakest_echo_dbz": round(float(echoes.min()), 2) if echoes.size else None,
        "strongest_dbz": strongest,
    }


def _relation(attributes: Mapping[str, str]) -> dict[str, float]:
    relation = ZR.of_attributes(attributes)
    return {"a": relation.a, "b": relation.b}


def _verdict(frames: Frames, input_frames: int) -> dict[str, Any]:
    """Whether a nowcast of these frames would be accepted, else why not."""
    try:
        split(frames, input_frames, InputContract())
    except EchocastError as error:
        return {"accepted": False, "why": str(error), "rule": getattr(error, "rule", None)}
    return {"accepted": True, "why": f"The newest {input_frames} frames make a nowcast."}
