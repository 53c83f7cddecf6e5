"""``python -m tests.workers.streams.small_disk ENGINE_URL FOLDER``: a stream on a disk of 10 MiB.

It runs in a mount namespace of its own, fills the disk several times over, and prints as JSON what
became of the stream's files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from echocast.model.grid import Grid
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.disk_use import limit_bytes, stored_bytes
from echocast.workers.streams.retention import Retention
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores
from tests.workers.streams import stream_bench
from tests.workers.streams.stream_bench import ALL, START, STEP, Bench

SIZE_MIB = 10
SIDE = 64
SLOTS = 220
EVERY = 4  # slots between two looks of the retention
FLOOR_BYTES = 2**20


def main() -> None:
    """Fill the disk by frames and forecasts, then by somebody else's file."""
    stream_bench.SIDE, stream_bench.GRID = SIDE, Grid.of_pixels(SIDE, SIDE)
    folder = Path(sys.argv[2])
    options = ["-o", f"size={SIZE_MIB}m", "none", str(folder)]
    subprocess.run(["mount", "-t", "tmpfs", *options], check=True)
    engine = EngineClient(sys.argv[1], 5)
    bench = Bench(folder / "store", engine)
    bench.stores = StreamStores.of(LocalFiles(folder / "store", free_space_floor_bytes=FLOOR_BYTES))
    bench.scorer = Scorer(bench.stores, bench.sums)
    retention = Retention(bench.stores, bench.scorer, bench.sums, None)
    written = sum(step(bench, retention, slot) for slot in range(SLOTS))
    within = stored_bytes(bench.stores.files, "radar")
    filler = folder / "of-somebody-else"
    filler.write_bytes(bytes(bench.stores.files.free_bytes() - FLOOR_BYTES - 2**19))
    written += sum(step(bench, retention, slot) for slot in range(SLOTS, SLOTS + EVERY))
    issued = bench.stores.forecasts.listing("radar", ALL)
    headers = bench.stores.frames.headers("radar", ALL)
    report = {
        "disk": bench.stores.files.disk_bytes(),
        "limit": limit_bytes(bench.stores, bench.stream, None),
        "written": written,
        "within": within,
        "with_less_room": stored_bytes(bench.stores.files, "radar"),
        "frames": [slot_of(header.time) for header in headers],
        "forecasts": [slot_of(one.forecast_reference_time) for one in issued if one.path],
        "described": len(issued),
        "pairs": bench.sums.over("radar", ALL)["5|forecasts|model"][0],
    }
    engine.close()
    print(json.dumps(report))


def step(bench: Bench, retention: Retention, slot: int) -> int:
    """What a worker does every five minutes; the bytes that it wrote."""
    files = bench.stores.files
    files.check_space()
    before = stored_bytes(files, "radar")
    bench.put(slot, seed=slot)
    bench.issue(slot, leads=2)
    written = stored_bytes(files, "radar") - before
    bench.score(slot, slot)
    if slot % EVERY == EVERY - 1:
        retention.apply()
    return written


def slot_of(time: object) -> int:
    """The slot of a time."""
    return round((time - START) / STEP)  # type: ignore[operator]


if __name__ == "__main__":
    main()
