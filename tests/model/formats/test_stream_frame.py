"""The frame of a stream as one object: packed by a child or by us, it is the same frame."""

from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from echocast.model.errors import UnreadableInput
from echocast.model.formats.stream_frame import PackedFrame, StreamFrame, pack_counts, read_header

TIME = datetime(2026, 7, 1, 12, tzinfo=UTC)
KNOWN = {"late": False, "attributes": {"source": "a radar"}}


def packed(content: bytes, shape: tuple[int, int] = (20, 30)) -> PackedFrame:
    return PackedFrame.of(TIME, content, shape, -31.5, TIME, **KNOWN)


@pytest.fixture
def values() -> np.ndarray:
    values = np.random.default_rng(1).uniform(-30, 60, (20, 30)).astype(np.float32)
    values[:3] = np.nan
    return values


@pytest.fixture
def content(values: np.ndarray, tmp_path: Path) -> bytes:
    pack_counts(values, tmp_path / "frame.npz")
    return (tmp_path / "frame.npz").read_bytes()


def test_a_packed_frame_is_the_frame_that_its_values_make(
    values: np.ndarray, content: bytes
) -> None:
    whole = StreamFrame.of(TIME, values, -31.5, TIME, **KNOWN)
    assert packed(content).header == whole.header
    read = StreamFrame.from_bytes(packed(content).to_bytes())
    assert read.header == whole.header == read_header(packed(content).to_bytes())
    np.testing.assert_array_equal(read.reflectivity_dbz, whole.reflectivity_dbz)


def test_counts_of_another_shape_kind_or_length_are_refused(
    values: np.ndarray, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableInput, match="not 16-bit integers of"):
        packed(content, (30, 20))
    path = tmp_path / "other.npz"
    np.savez_compressed(path, counts=values)
    with pytest.raises(UnreadableInput, match="float32"):
        packed(path.read_bytes())
    np.savez_compressed(path, counts=np.zeros((20, 30), np.int16), header=np.zeros(3))
    with pytest.raises(UnreadableInput, match="header"):
        packed(path.read_bytes())
    with ZipFile(tmp_path / "frame.npz") as parts:
        array = parts.read("counts.npy")
    for wrong in (array[:-2], array + b"\0\0", b"nonsense"):
        with ZipFile(path, "w") as parts:
            parts.writestr("counts.npy", wrong)
        with pytest.raises(UnreadableInput):
            packed(path.read_bytes())
    for damaged in (content[:-40], b"", content[:100] + b"\xff" * 50 + content[150:]):
        with pytest.raises(UnreadableInput):
            packed(damaged)
