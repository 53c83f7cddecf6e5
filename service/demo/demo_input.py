"""The demo's input: a synthetic storm, or radar files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from echocast.service.errors import ServiceError

SEED = 7


class InputUnusable(ServiceError):
    """The demo's input could not be prepared."""


def prepare_input(
    files: Sequence[Path], target: Path, say: Callable[[str], None]
) -> tuple[str, datetime]:
    """Write the demo's frames to ``target``, in a child process that reads radar files.

    Returns:
        What they are, for people; and the valid time of the newest input frame.

    Raises:
        InputUnusable: A file is missing or cannot be read.
    """
    say("Reading your radar frames" if files else "Drawing a synthetic storm")
    done = subprocess.run(
        [sys.executable, "-m", "echocast.service.demo.demo_input", str(target), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the reader ended with {done.returncode}"]
        raise InputUnusable(lines[-1])
    facts = json.loads(done.stdout)
    return facts["source"], datetime.fromisoformat(facts["reference_time"])


def main() -> None:
    """The child: ``python -m echocast.service.demo.demo_input TARGET FILES...``."""
    from echocast.model.errors import EchocastError
    from echocast.model.formats.forecast_writer import write_frames
    from echocast.model.formats.readers import read_frames
    from echocast.model.registry.reader import RegistryReader
    from echocast.model.synthetic.storms import storm

    target, *files = map(Path, sys.argv[1:])
    network = RegistryReader().network()
    needed, most = network.input_frames, network.input_frames + network.output_frames
    try:
        frames = read_frames(files) if files else storm(SEED, frames=most)
        if len(frames) < needed:
            sys.exit(f"A nowcast needs at least {needed} frames, but there are {len(frames)}.")
        frames = frames[-most:]
        write_frames(frames, target)
    except (EchocastError, OSError) as error:
        sys.exit(str(error))
    last_input = max(needed, len(frames) - network.output_frames) - 1
    name = ", ".join(path.name for path in files) or f"a synthetic storm (seed {SEED})"
    minutes = frames.step.total_seconds() / 60
    height, width = frames.grid.shape
    source = f"{name}: {len(frames)} frames of {height} x {width} pixels, {minutes:g} min apart"
    print(json.dumps({"source": source, "reference_time": frames.times[last_input].isoformat()}))


if __name__ == "__main__":
    main()
