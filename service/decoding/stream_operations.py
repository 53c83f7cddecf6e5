"""What a child does for streams: reads one frame, and a forecast at one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.contract import InputContract, check_frames
from echocast.model.errors import ContractViolation
from echocast.model.formats.json_reader import json_unit
from echocast.model.formats.stream_frame import pack_counts
from echocast.model.frames import Frames
from echocast.workers.archive.frames_file import description_of

Request = Mapping[str, Any]
TOLERANCE = 0.1  # of a step, between the time in the path and the time in the file


def decode_frame(request: Request, read: Callable[[Request], Frames]) -> dict[str, Any]:
    """Read one frame, check it against its stream and time, and pack it as the archive keeps it.

    Raises:
        InputError: The upload is unreadable, or breaks a rule.
    """
    frames = read(request)
    _check_units(request)
    contract = InputContract()
    check_frames(frames, contract)
    time = datetime.fromisoformat(request["time"])
    frame = _at(frames, time, TOLERANCE * timedelta(minutes=request["step_minutes"]))
    share = float(frame.missing.mean())
    if share > contract.maximum_missing_share:
        raise ContractViolation(
            f"At most {contract.maximum_missing_share:.0%} of a frame may be missing, but"
            f" {share:.1%} of this one is.",
            rule="missing-share",
        )
    packed = packed_frame(Path(request["directory"]))
    pack_counts(frame.reflectivity_dbz[0], packed)
    description_of(packed).write_text(json.dumps(frame.description()))
    return {}


def packed_frame(directory: Path) -> Path:
    """Where a child packs the frame of an upload; its description lies beside it."""
    return directory / "frame.npz"


def _at(frames: Frames, time: datetime, tolerance: timedelta) -> Frames:
    """The frame of a time, which must be the only one."""
    if len(frames) != 1:
        raise ContractViolation(
            f"One frame is sent at a time, but the upload holds {len(frames)}.", rule="frame-count"
        )
    if abs(frames.times[0] - time) > tolerance:
        raise ContractViolation(
            f"The frame is sent for {time.isoformat()}, but says it is valid at"
            f" {frames.times[0].isoformat()}.",
            rule="frame-time",
        )
    return frames


def _check_units(request: Request) -> None:
    sent = _units(request)
    if sent != request["units"]:
        raise ContractViolation(
            f"The stream is declared in {request['units']}, but the frame is in {sent}; send it"
            f" to a stream that is declared in {sent}.",
            rule="units",
        )


def _units(request: Request) -> str:
    """``dBZ``, or ``mm/h`` for rain rates and amounts in any unit, as a readable upload has it."""
    path = Path(request["paths"][0])
    if request["kind"] == "json":
        return json_unit(json.loads(path.read_bytes())).of_stream
    from echocast.model.formats.readers import read_header
    from echocast.model.formats.reading import Reading

    reading = Reading.of_words(**request["reading"])
    return read_header(path, reading, scratch=Path(request["directory"])).units


def forecast_at(request: Request) -> dict[str, Any]:
    """A forecast at one pixel, whose chunks alone are read."""
    from echocast.model.formats.forecast_point import read_point

    point = read_point(Path(request["forecast"]), request["row"], request["column"])
    return {
        "reflectivity_dbz": _plain(point.reflectivity_dbz, 2),
        "extrapolation_dbz": _plain(point.extrapolation_dbz, 2),
        "expected_dbz": _plain(point.expected_dbz, 2),
        "rain_rate_mm_h": _plain(point.rain_rate_mm_h, 3),
        "expected_rain_rate_mm_h": _plain(point.expected_rain_rate_mm_h, 3),
        "zr": {"a": point.relation.a, "b": point.relation.b},
        "exceedance_probability": {
            f"{threshold:g}": _plain(values, 3)
            for threshold, values in point.exceedance_probability.items()
        },
        "radar_coverage": np.isfinite(point.reflectivity_dbz).tolist(),
        "quality": dict(point.quality),
        "not_stored": point.not_stored,
        "valid_times": [time.isoformat() for time in point.valid_times],
        "lead_sources": list(point.lead_sources),
    }


def _plain(values: Any, decimals: int) -> list[float | None]:
    """Rounded, null where there is no forecast; nothing at all where there is no such product."""
    if values is None:
        return []
    return [round(float(v), decimals) if np.isfinite(v) else None for v in values]
