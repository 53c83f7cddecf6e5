"""Bodies that work when pasted: a shower that drifts east, in the smallest grid allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from echocast.service.http.media_types import GRID_TYPES, MULTIPART_TYPE

SIDE = 16
STEP = timedelta(minutes=5)
START = datetime(2025, 7, 1, 12, tzinfo=UTC)


def shower(count: int, first: int = 0) -> dict[str, Any]:
    """Frames ``first`` to ``first + count`` of the shower as a JSON body."""
    steps = range(first, first + count)
    return {
        "frames": [_frame(step) for step in steps],
        "times": [(START + step * STEP).isoformat().replace("+00:00", "Z") for step in steps],
        "units": "dBZ",
    }


def _frame(step: int) -> list[list[int]]:
    centre = 2 + step // 2
    return [[_dbz(y - SIDE // 2, x - centre) for x in range(SIDE)] for y in range(SIDE)]


def _dbz(dy: int, dx: int) -> int:
    return max(0, 45 - 3 * (dy * dy + dx * dx))


FRAMES_SCHEMA = {
    "type": "object",
    "required": ["frames", "times", "units"],
    "additionalProperties": False,
    "properties": {
        "frames": {
            "type": "array",
            "description": "(time, y, x); null is missing, never dry. 16..8192 pixels a side.",
            "items": {
                "type": "array",
                "items": {"type": "array", "items": {"type": ["number", "null"]}},
            },
        },
        "times": {
            "type": "array",
            "description": "When each frame is valid, strictly increasing, one constant step.",
            "items": {"type": "string", "format": "date-time"},
        },
        "units": {"type": "string", "description": "dBZ (-40..95) or mm/h.", "examples": ["dBZ"]},
        "zr": {
            "type": "object",
            "description": "Z = a R^b, by which mm/h become dBZ; 200 and 1.6 unless given.",
            "required": ["a", "b"],
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "additionalProperties": False,
        },
        "no_rain_dbz": {
            "type": "number",
            "description": "Value of dry pixels, for dBZ; the lowest value sent unless given.",
            "minimum": -40,
            "maximum": 95,
        },
        "grid": {"type": "object", "description": "Pixel centres y, x; units; crs. Optional."},
    },
}
FILE = {"type": "string", "format": "binary"}
FILES_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "properties": {"files": {"type": "array", "items": FILE, "minItems": 1}},
}


def _body(example: dict[str, Any]) -> dict[str, Any]:
    json_body = {"schema": FRAMES_SCHEMA, "example": example}
    content: dict[str, Any] = {"application/json": json_body}
    content |= {media_type: {"schema": FILE} for media_type in GRID_TYPES}
    content |= {MULTIPART_TYPE: {"schema": FILES_SCHEMA}}
    return {"requestBody": {"required": True, "content": content}}


NOWCAST_BODY = _body(shower(10))
OBSERVATIONS_BODY = _body(shower(2, first=10))
