"""A stream outlives a disk that it fills several times over: the oldest go, the newest never."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.retention import NEWEST_STEPS
from tests.patience import PATIENCE_SECONDS
from tests.workers.streams.small_disk import EVERY, SLOTS


def test_a_disk_that_is_filled_several_times_over_keeps_the_newest(
    engine: EngineClient, tmp_path: Path
) -> None:
    root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", "--mount", *root]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here (unshare --mount)")
    engine.redis.flushall()
    command = [sys.executable, "-m", "tests.workers.streams.small_disk", engine.url, str(tmp_path)]
    done = subprocess.run(
        [*unshare, *command], capture_output=True, text=True, timeout=3 * PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
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
