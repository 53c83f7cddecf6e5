"""Rain of a part of a grid as whole numbers: hundredths of a millimetre in five minutes."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from echocast.model.grid import FloatArray

Encoding = Literal["compressed", "bytes", "plain"]
MISSING: Final = 65535
MM_H: Final = 100 / 12  # hundredths of a millimetre that 1 mm/h makes in five minutes


def encoded(rate_mm_h: FloatArray, encoding: Encoding) -> Any:
    """Rain rates (y, x) in mm/h, NaN where missing, as Bright Sky's clients read them.

    ``plain`` is nested lists, with null for missing; the others are 2-byte integers, lowest byte
    first and :data:`MISSING`, in base64, ``compressed`` by zlib before.
    """
    amounts = np.clip(np.rint(rate_mm_h * MM_H), 0, MISSING - 1)
    if encoding == "plain":
        whole = np.where(np.isnan(amounts), -1, amounts).astype(int).tolist()
        return [[None if value < 0 else value for value in row] for row in whole]
    content = np.where(np.isnan(amounts), MISSING, amounts).astype("<u2").tobytes()
    return base64.b64encode(
        zlib.compress(content) if encoding == "compressed" else content
    ).decode()


def rain_window(request: Mapping[str, Any]) -> dict[str, Any]:
    """A part of all lead times of a forecast, of which only its chunks are read."""
    from echocast.model.formats.forecast_point import read_window

    top, left, bottom, right = request["bbox"]
    rows, columns = slice(top, bottom + 1), slice(left, right + 1)
    times, rates = read_window(Path(request["forecast"]), rows, columns)
    return {
        "times": [time.isoformat() for time in times],
        "rain": [encoded(rate, request["encoding"]) for rate in rates],
    }
