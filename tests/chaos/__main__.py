"""A whole service under kills, stops, a full disk, damaged files and a greedy caller; a recount.

    python -m tests.chaos --kills 100 --seed 1

Starts `echocast up --workers 2` on a port and a disk of its own, feeds two streams and asks for
nowcasts, and does what the seed says. At the end everything that was accepted is looked for. Ends
with 1 where something was lost; the report says what. Linux only. The disk needs a mount namespace,
which root may make, and most users may, too; else the disk is not filled, and the report says so.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.blows import Attack
from tests.chaos.callers import LARGE, SMALL, Caller, ask_for_nowcasts, feed
from tests.chaos.damage import OF_COUNTS, OF_FRAMES
from tests.chaos.disk import MIB, NO_DISK, enter_own_mounts
from tests.chaos.greedy import faults_of
from tests.chaos.inspection import Inspection
from tests.chaos.ledger import Ledger
from tests.chaos.report import Report
from tests.chaos.schedule import schedule
from tests.chaos.service import Service, attacked

POSTERS = 3
CALM_EVERY = 4  # blows; then the service must become ready again, and works for a while
CALM_SECONDS = 5.0


def main() -> int:
    """The exit status: 0 where nothing was lost."""
    options = _options()
    enter_own_mounts("tests.chaos")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options.report.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ec-chaos-") as name:
        report = _run(options, Path(name))
        (options.report / "service.log").write_bytes((Path(name) / "service.log").read_bytes())
    report.write(options.report)
    print(report.markdown())
    return 1 if report.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="processes to kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--disk-mib", type=int, default=1024, help="size of the disk")
    parser.add_argument("--report", type=Path, default=Path("chaos-report"), help="folder")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: Path) -> Report:
    started, ledger = time.monotonic(), Ledger()
    with attacked(folder, options.disk_mib * MIB) as (service, disk):
        if disk is None:
            print(NO_DISK, flush=True)
        attack = Attack(service, disk, ledger, random.Random(options.seed))
        with _callers(service, ledger, options.seed) as broken:
            _strike_all(attack, options, started)
        inspection = Inspection(service, ledger, attack.damage)
        if service.runs:
            inspection.look()
        inspection.look_at_rest(service.stop())
        starved = faults_of(attack.waited) if attack.done["greedy caller"] else []
        faults = [*attack.faults, *starved, *inspection.faults, *broken]
        if faults:
            unreadable = shutil.ignore_patterns("*.sock")
            shutil.copytree(
                service.place.data, options.report / "data", ignore=unreadable, dirs_exist_ok=True
            )
    order = {
        f"small job {n} beside a greedy caller": str(x) for n, x in enumerate(attack.waited, 1)
    }
    figures = {**inspection.figures, **order}
    seconds = time.monotonic() - started
    answers = dict(sorted(ledger.answers.items()))
    return Report(
        options.seed, seconds, dict(sorted(attack.done.items())), answers, figures, faults
    )


def _strike_all(attack: Attack, options: argparse.Namespace, started: float) -> None:
    blows = schedule(options.kills, options.seed)
    for number, blow in enumerate(blows, 1):
        attack.strike(blow)
        ledger, seconds = attack.ledger, time.monotonic() - started
        print(
            f"{seconds:6.0f} s  {number:3d}/{len(blows)}  {attack.kills:3d} kills"
            f"  {len(ledger.accepted):4d} jobs  {len(ledger.frames):4d} frames  {blow}",
            flush=True,
        )
        if not attack.service.runs:
            attack.faults.append(f"`echocast up` ended by itself after: {blow}.")
            return
        if number % CALM_EVERY == 0:
            if not attack.service.await_ready():
                attack.faults.append(f"The service did not become ready again after: {blow}.")
            time.sleep(CALM_SECONDS)


@contextmanager
def _callers(service: Service, ledger: Ledger, seed: int) -> Iterator[list[str]]:
    """Posters and feeders while the context lasts; errors of theirs, once it has ended."""
    stop, broken = threading.Event(), list[str]()
    with ThreadPoolExecutor(POSTERS + 2) as pool:
        running: list[Future[None]] = []
        for number in range(POSTERS):
            caller = Caller(service, ledger, "poster")
            chance = random.Random(f"{seed}/{number}")
            running.append(pool.submit(ask_for_nowcasts, caller, stop, chance))
        for stream, side in ((OF_COUNTS, SMALL), (OF_FRAMES, LARGE)):
            caller = Caller(service, ledger, "feeder")
            chance = random.Random(f"{seed}/{stream}")
            running.append(pool.submit(feed, caller, stream, side, stop, chance))
        try:
            yield broken
        finally:
            stop.set()
    broken += [f"A caller ended: {error!r}" for one in running if (error := one.exception())]


if __name__ == "__main__":
    sys.exit(main())
