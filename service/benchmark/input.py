"""Bodies for the benchmark, written in a child: ``python -m`` this module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def draw_bodies(directory: Path, count: int, height: int, width: int) -> list[bytes]:
    """Different storms as long as a nowcast's input, each as a NetCDF file's bytes."""
    directory.mkdir()
    arguments = [str(directory), str(count), str(height), str(width)]
    subprocess.run(
        [sys.executable, "-m", "echocast.service.benchmark.input", *arguments], check=True
    )
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def main() -> None:
    """The child."""
    from echocast.model.formats.forecast_writer import write_frames
    from echocast.model.registry.reader import RegistryReader
    from echocast.model.synthetic.storms import storm

    directory = Path(sys.argv[1])
    count, height, width = map(int, sys.argv[2:])
    input_frames = RegistryReader().network().input_frames
    for seed in range(count):
        frames = storm(seed, frames=input_frames, height=height, width=width)
        write_frames(frames, directory / f"{seed:04d}.nc")


if __name__ == "__main__":
    main()
