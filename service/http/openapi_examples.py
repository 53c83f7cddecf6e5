"""Bodies that work when pasted: a shower that drifts east, in the smallest grid allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from echocast.model.formats.time_text import iso_text
from echocast.service.http.media_types import GRID_TYPES, MULTIPART_TYPE

SIDE = 16
STEP = timedelta(minutes=5)
MOST_FRAMES = 2000
START = datetime(2025, 7, 1, 12, tzinfo=UTC)


def shower(count: int, first: int = 0) -> dict[str, Any]:
    """Frames ``first`` to ``first + count`` of the shower as a JSON body."""
    steps = range(first, first + count)
    return {
        "frames": [_frame(step) for step in steps],
        "times": [iso_text(START + step * STEP) for step in steps],
        "units": "dBZ",
    }


def _frame(step: int) -> list[list[int]]:
    centre = 2 + step // 2
    return [[_dbz(y - SIDE // 2, x - centre) for x in range(SIDE)] for y in range(SIDE)]


def _dbz(dy: int, dx: int) -> int:
    return max(0, 45 - 3 * (dy * dy + dx * dx))


SIDE_LIMITS = {"minItems": 16, "maxItems": 8192}
ROW = {"type": "array", **SIDE_LIMITS, "items": {"type": ["number", "null"]}}
FRAME = {"type": "array", **SIDE_LIMITS, "items": ROW}
COORDINATES = {"type": "array", **SIDE_LIMITS, "items": {"type": "number"}}
GRID = {
    "type": ["object", "null"],
    "description": "Pixel centres y, x in units (m, km, degrees); crs by CF attributes. Optional.",
    "required": ["y", "x", "units"],
    "properties": {
        "y": COORDINATES,
        "x": COORDINATES,
        "units": {"type": "string"},
        "crs": {"type": ["object", "null"]},
    },
    "additionalProperties": False,
}
RELATION = {
    "type": "object",
    "description": "Z = a R^b, by which mm/h become dBZ; 200 and 1.6 unless given.",
    "required": ["a", "b"],
    "properties": {name: {"type": "number", "exclusiveMinimum": 0} for name in ("a", "b")},
    "additionalProperties": False,
}


def frames_schema(least: int, most: int = MOST_FRAMES) -> dict[str, Any]:
    """The JSON body of a request that sends so many frames."""
    number = {"minItems": least, "maxItems": most}
    properties = {
        "frames": {
            "type": "array",
            "description": "(time, y, x); null is missing, never dry.",
            **number,
            "items": FRAME,
        },
        "times": {
            "type": "array",
            "description": "When each frame is valid, strictly increasing, one constant step.",
            **number,
            "items": {"type": "string", "format": "date-time"},
        },
        "units": {
            "type": "string",
            "pattern": r"\S",
            "description": "dBZ (-40..95) or mm/h.",
            "examples": ["dBZ"],
        },
        "zr": RELATION,
        "no_rain_dbz": {
            "type": "number",
            "description": "Value of dry pixels, for dBZ; the lowest value sent unless given.",
            "minimum": -40,
            "maximum": 95,
        },
        "grid": GRID,
    }
    return {
        "type": "object",
        "required": ["frames", "times", "units"],
        "additionalProperties": False,
        "properties": properties,
    }


FILE = {"type": "string", "format": "binary"}
FILES_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "properties": {"files": {"type": "array", "items": FILE, "minItems": 1}},
}


def _body(example: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    content |= {media_type: {"schema": FILE} for media_type in GRID_TYPES}
    content |= {MULTIPART_TYPE: {"schema": FILES_SCHEMA}}
    return {"requestBody": {"required": True, "content": content}}


NOWCAST_BODY = _body(shower(10), frames_schema(2))
OBSERVATIONS_BODY = _body(shower(2, first=10), frames_schema(1))
FRAME_BODY = _body(shower(1), frames_schema(1, 1))
