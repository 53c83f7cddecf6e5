"""A gateway believes its own paths, not those that a child names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock, Mock

from echocast.service.decoding.uploads import Upload
from echocast.service.nowcasts.nowcasts import Nowcasts, UploadOptions


def test_frames_are_taken_from_where_the_child_was_told_to_store_them(tmp_path: Path) -> None:
    answer = {
        "directory": "/etc",
        "newest_time": "2026-07-01T12:00:00+00:00",
        "shape": [10, 16, 16],
    }
    decoders = Mock(ask=AsyncMock(return_value={"inputs": answer, "observations": answer}))
    archive, catalogue, store = Mock(), Mock(), Mock()
    catalogue.champion.return_value = ("tiny", "1")
    archive.adopt_frames.return_value = "a" * 64
    nowcasts = Nowcasts(store, archive, catalogue, decoders, Mock(), Mock(), Mock())
    asyncio.run(nowcasts.submit(Upload("grid", tmp_path), UploadOptions(), ""))
    adopted = [call.args[0] for call in archive.adopt_frames.call_args_list]
    assert adopted == [tmp_path / "inputs", tmp_path / "observations"]
