"""One frame of a stream as one object: counts of 0.01 dBZ, and what is known of them.

Workers write such objects as frames arrive; retraining reads them.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import UnreadableInput, short
from echocast.model.grid import FloatArray
from echocast.model.quantisation import MISSING_COUNT, packed_dbz, unpacked_dbz

BLOCK_BYTES = 2**20
NO_NOTES: Mapping[str, str] = MappingProxyType({})
DAMAGE = (  # what NumPy and zipfile raise on bytes that are not what was written
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


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
        notes: See :class:`echocast.model.frames.Frames`.
    """

    time: datetime
    sha256: str
    no_rain_dbz: float
    received: datetime
    late: bool
    missing_share: float
    attributes: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal header back."""
        times = {"time": self.time.isoformat(), "received": self.received.isoformat()}
        value = {**asdict(self), **times}
        return value if self.notes else {k: v for k, v in value.items() if k != "notes"}

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
        notes: Mapping[str, str] = NO_NOTES,
    ) -> Self:
        """The frame as it is stored: values rounded to 0.01 dBZ."""
        counts = packed_dbz(reflectivity_dbz)
        values = unpacked_dbz(counts)
        missing = float(np.isnan(values).mean())
        header = FrameHeader(
            time,
            _hash(time, counts),
            no_rain_dbz,
            received,
            late,
            missing,
            dict(attributes),
            dict(notes),
        )
        return cls(header, values)

    def to_bytes(self) -> bytes:
        """The object."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            header=_header_bytes(self.header),
            counts=packed_dbz(self.reflectivity_dbz),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The frame that :meth:`to_bytes` wrote, with the values that it wrote.

        Raises:
            UnreadableInput: It did not, or the bytes are damaged.
        """
        with _parts(content) as parts:
            header, counts = _header(parts), parts["counts"]
            if _hash(header.time, counts) != header.sha256:
                raise ValueError("its values do not have the hash in its header")
            return cls(header, unpacked_dbz(counts))


@dataclass(frozen=True, eq=False)
class PackedFrame:
    """A frame whose compressed counts go into the object as they are, once they are hashed.

    Args:
        header: What is known of it.
        counts: What :func:`pack_counts` made of the values.
    """

    header: FrameHeader
    counts: bytes

    @classmethod
    def of(
        cls,
        time: datetime,
        counts: bytes,
        shape: tuple[int, int],
        no_rain_dbz: float,
        received: datetime,
        *,
        late: bool,
        attributes: Mapping[str, str],
        notes: Mapping[str, str] = NO_NOTES,
    ) -> Self:
        """The frame as it is stored, of counts that may come from a process that is not trusted.

        Raises:
            UnreadableInput: They are no counts of that shape.
        """
        sha256, missing = _examined(time, counts, shape)
        share = missing / (shape[0] * shape[1])
        known = (no_rain_dbz, received, late, share, dict(attributes), dict(notes))
        return cls(FrameHeader(time, sha256, *known), counts)

    def to_bytes(self) -> bytes:
        """The object; :meth:`StreamFrame.from_bytes` reads it."""
        buffer, header = io.BytesIO(self.counts), io.BytesIO()
        np.save(header, _header_bytes(self.header))
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr("header.npy", header.getvalue())
        return buffer.getvalue()


def pack_counts(reflectivity_dbz: FloatArray, path: Path) -> None:
    """Write the values of a frame, (height, width) in dBZ, as compressed counts of 0.01 dBZ."""
    np.savez_compressed(path, counts=packed_dbz(reflectivity_dbz))


def _examined(time: datetime, content: bytes, shape: tuple[int, int]) -> tuple[str, int]:
    """Hash and number of missing pixels of compressed counts, which are never whole in memory."""
    digest, missing, length = _digest(time, shape), 0, 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if parts.namelist() != ["counts.npy"]:
                raise ValueError(f"it holds {short(parts.namelist())}")
            with parts.open("counts.npy") as file:
                _check_kind(file, shape)
                while block := file.read(BLOCK_BYTES):
                    digest.update(block)
                    missing += int((np.frombuffer(block, "<i2") == MISSING_COUNT).sum())
                    length += len(block)
                    if length > 2 * shape[0] * shape[1]:
                        break
    except DAMAGE as error:
        raise UnreadableInput(f"A packed frame is damaged: {short(error)}.") from error
    if length != 2 * shape[0] * shape[1]:
        raise UnreadableInput(f"A packed frame does not hold the values of {shape} pixels.")
    return digest.hexdigest(), missing


def _check_kind(file: IO[bytes], shape: tuple[int, int]) -> None:
    np.lib.format.read_magic(file)
    claimed, column_major, kind = np.lib.format.read_array_header_1_0(file)
    if claimed != shape or column_major or kind != np.dtype("<i2"):
        raise ValueError(f"values are {kind} of {claimed}, not 16-bit integers of {shape}")


def read_header(content: bytes) -> FrameHeader:
    """The header of a stored frame.

    Raises:
        UnreadableInput: The object is no frame.
    """
    with _parts(content) as parts:
        return _header(parts)


@contextmanager
def _parts(content: bytes) -> Iterator[Any]:
    """The parts of a stored frame.

    Raises:
        UnreadableInput: The block can't read them.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as parts:
            yield parts
    except DAMAGE as error:
        raise UnreadableInput(f"A stored frame is damaged: {short(error)}.") from error


def _header(parts: Any) -> FrameHeader:
    return FrameHeader.from_json(json.loads(parts["header"].tobytes()))


def _header_bytes(header: FrameHeader) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(header.to_json(), sort_keys=True).encode(), np.uint8)


def _hash(time: datetime, counts: NDArray[np.int16]) -> str:
    digest = _digest(time, counts.shape)
    digest.update(np.ascontiguousarray(counts).tobytes())
    return digest.hexdigest()


def _digest(time: datetime, shape: tuple[int, ...]) -> hashlib._Hash:
    """The beginning of the hash; the counts follow."""
    return hashlib.sha256(time.isoformat().encode() + str(shape).encode())
