"""A stream outlives a disk that it fills several times over: the oldest go, the newest never."""

import json
from pathlib import Path

from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.retention import NEWEST_STEPS
from tests.mounts import run_with_own_mounts
from tests.workers.streams.small_disk import EVERY, SLOTS


def test_a_disk_that_is_filled_several_times_over_keeps_the_newest(
    engine: EngineClient, tmp_path: Path
) -> None:
    engine.redis.flushall()
    printed = run_with_own_mounts("tests.workers.streams.small_disk", engine.url, str(tmp_path))
    report = json.loads(printed)
    assert report["written"] > 1.5 * report["disk"]
    assert report["limit"] == round(0.6 * report["disk"])
    assert report["within"] <= report["limit"]
    assert report["with_less_room"] < report["within"]  # the disk itself was nearly full
    last = SLOTS + EVERY - 1
    newest = list(range(last - NEWEST_STEPS + 1, last + 1))
    for kind in ("frames", "forecasts"):
        slots = report[kind]
        assert slots[-NEWEST_STEPS:] == newest
        assert slots == list(range(slots[0], last + 1))  # the oldest went, without a hole
    assert report["frames"][0] < report["forecasts"][0]  # forecasts go first
    assert report["described"] == last + 1
    assert report["pairs"] == last  # every forecast was counted at the frame after it
