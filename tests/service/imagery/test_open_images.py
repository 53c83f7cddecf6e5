"""Image files stay open while they are stored, and no longer: open, they take space of the disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.imagery.image_file import ImageDescription
from echocast.service.errors import UnknownImage
from echocast.service.imagery.open_images import OpenImages
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.streams.image_store import ImageStore

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def add(store: ImageStore, slot: int) -> None:
    time = START + slot * timedelta(minutes=5)
    codes = np.full((1, 8, 8), slot, np.uint8)
    description = ImageDescription((time,), None, 1, {})
    store.add("radar", "observed", time, f"{slot:016x}", lambda: ({"rain": codes}, description))


def open_files(root: Path) -> list[str]:
    """Files below a folder that this process has mapped, deleted ones among them."""
    maps = Path(f"/proc/{os.getpid()}/maps").read_text().splitlines()
    return [line for line in maps if str(root) in line]


def test_a_file_that_was_removed_is_closed_when_the_next_one_is_opened(tmp_path: Path) -> None:
    store = ImageStore(LocalFiles(tmp_path, free_space_floor_bytes=0))
    images = OpenImages(store)
    add(store, 1)
    (first,) = images.listing("radar", "observed")
    first_id = first.id
    del first
    store.remove(store.listing("radar", "observed")[0])
    assert len(open_files(tmp_path)) == 1
    assert images.find("radar", first_id).time == START + timedelta(minutes=5)
    add(store, 2)
    (second,) = images.listing("radar", "observed")
    assert second.file.plane("rain", 0, slice(None), slice(None)).max() == 2
    assert not [line for line in open_files(tmp_path) if "deleted" in line]
    with pytest.raises(UnknownImage, match="only the newest"):
        images.find("radar", first_id)
