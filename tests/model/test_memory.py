"""How much memory a nowcast takes, measured in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.forecast_writer import write_frames
from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm

SIDE = 600
PLANES = 96  # of float32, at most; 80 were measured, 101 where the whole forecast was held
QUIET = {
    "MALLOC_MMAP_THRESHOLD_": "1048576",  # what is freed goes back at once
    "MALLOC_ARENA_MAX": "1",  # however threads take turns beside other work
}

CHILD = """
import resource, sys
from dataclasses import replace
from pathlib import Path

import torch

from echocast.model.network.config import RADAR_SMALL
from echocast.model.forecast import ModelIdentity
from echocast.model.network.network import Network
from echocast.model.cli.nowcast_files import nowcast_files
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import ExceedanceDecision

small, large, output = map(Path, sys.argv[1:4])
leads = int(sys.argv[4]) or None
network = Network(replace(RADAR_SMALL, hidden_channels=4, layers=2, kernel=1)).eval()
decision = ExceedanceDecision((0.5,) * 6)
nowcaster = Nowcaster(network, ModelIdentity("tiny", "1", "0"), decision=decision)
nowcaster._domain.most_pixels = 400 * 400
nowcast_files(nowcaster, [small], output)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
nowcast_files(nowcaster, [large], output, leads=leads)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units")
@pytest.mark.parametrize("leads", [0, 24])  # 0: the network's; later ones are made one by one
def test_a_nowcast_takes_few_bytes_a_pixel(leads: int, tmp_path: Path) -> None:
    drawn = storm(4, frames=10, height=200, width=200)
    large = np.tile(drawn.reflectivity_dbz, (1, SIDE // 200, SIDE // 200))
    frames = Frames.of_array(large, step_minutes=5, km_per_pixel=1.0)
    write_frames(drawn, tmp_path / "small.nc")
    write_frames(frames, tmp_path / "large.nc")
    files = [tmp_path / name for name in ("small.nc", "large.nc", "forecast.nc")]
    output = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, files), str(leads)],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert int(output) * 1024 < PLANES * 4 * SIDE**2
