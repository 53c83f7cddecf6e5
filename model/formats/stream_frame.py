"""One frame of a stream as one object: counts of 0.01 dBZ, and what is known of them.

Workers write such objects as frames arrive; retraining reads them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import UnreadableInput
from echocast.model.frames import FloatArray
from echocast.model.quantisation import packed_dbz, unpacked_dbz


@dataclass(frozen=True)
class FrameHeader:
    """What is known of a frame without its values.

    Args:
        time: When it is valid, a whole number of the stream's steps, UTC.
        sha256: Hash of time and values as stored: equal frames have equal hashes.
        no_rain_dbz: The product's floor.
        received: When it came, by the clock of the host that accepted it, UTC.
        late: Whether a later frame was there already; a late frame is scored, not forecast from.
        missing_share: Share of pixels that the radar did not look at, 0..1.
        attributes: Provenance.
    """

    time: datetime
    sha256: str
    no_rain_dbz: float
    received: datetime
    late: bool
    missing_share: float
    attributes: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal header back."""
        times = {"time": self.time.isoformat(), "received": self.received.isoformat()}
        return {**asdict(self), **times}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The header that :meth:`to_json` described."""
        times = {name: datetime.fromisoformat(value[name]) for name in ("time", "received")}
        return cls(**{**value, **times})


@dataclass(frozen=True, eq=False)
class StreamFrame:
    """A frame with its values, (height, width) in dBZ, NaN where missing."""

    header: FrameHeader
    reflectivity_dbz: FloatArray

    @classmethod
    def of(
        cls,
        time: datetime,
        reflectivity_dbz: FloatArray,
        no_rain_dbz: float,
        received: datetime,
        *,
        late: bool,
        attributes: Mapping[str, str],
    ) -> Self:
        """The frame as it is stored: values rounded to 0.01 dBZ."""
        counts = packed_dbz(reflectivity_dbz)
        values = unpacked_dbz(counts)
        missing = float(np.isnan(values).mean())
        header = FrameHeader(
            time, _hash(time, counts), no_rain_dbz, received, late, missing, dict(attributes)
        )
        return cls(header, values)

    def to_bytes(self) -> bytes:
        """The object."""
        buffer = io.BytesIO()
        text = json.dumps(self.header.to_json(), sort_keys=True).encode()
        np.savez_compressed(
            buffer,
            header=np.frombuffer(text, np.uint8),
            counts=packed_dbz(self.reflectivity_dbz),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The frame that :meth:`to_bytes` wrote.

        Raises:
            UnreadableInput: It did not.
        """
        with _opened(content) as parts:
            header = _header(parts)
            return cls(header, unpacked_dbz(parts["counts"]))


def read_header(content: bytes) -> FrameHeader:
    """The header of a stored frame.

    Raises:
        UnreadableInput: The object is no frame.
    """
    with _opened(content) as parts:
        return _header(parts)


def _opened(content: bytes) -> Any:
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableInput(f"A stored frame is damaged: {error}.") from error


def _header(parts: Any) -> FrameHeader:
    try:
        return FrameHeader.from_json(json.loads(parts["header"].tobytes()))
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UnreadableInput(f"A stored frame is damaged: {error}.") from error


def _hash(time: datetime, counts: NDArray[np.int16]) -> str:
    digest = hashlib.sha256(time.isoformat().encode())
    digest.update(str(counts.shape).encode())
    digest.update(np.ascontiguousarray(counts).tobytes())
    return digest.hexdigest()
