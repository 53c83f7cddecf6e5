"""A month of the service's life, with real processes and a clock that is driven.

    python -m tests.month --days 30 --seed 1

Feeds a stream with synthetic weather while its radar falls silent, models are promoted, and more
befalls it, on a small disk; then looks when each shipped alert would have been raised, whether disk
and memory stay within bounds, and whether every pair of a forecast and a frame was counted. Ends
with 1 where something is not as it should be. A signal (INT, TERM) or ``--minutes`` ends it early:
what there is by then is judged. Linux only; it needs a C compiler and Prometheus.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.chaos.damage import Damage
from tests.chaos.disk import MIB, NO_DISK, enter_own_mounts, small_disk
from tests.chaos.inspection import Inspection
from tests.chaos.recount import recount
from tests.chaos.service import running
from tests.month.alerts import raised
from tests.month.calendar import DAY, Fault, calendar
from tests.month.clock import DrivenClock
from tests.month.ending import Ending, what_is_not_shown
from tests.month.judgement import disk_faults, heard, memory_faults, unexplained
from tests.month.mirror import Mirror
from tests.month.models import registry_of_five
from tests.month.month import START, Month
from tests.month.report import Report
from tests.month.scrapes import Scrapes
from tests.service.real_processes import place

FLOOR_BYTES = 4 * MIB
SETTINGS = {  # what is done every few minutes of a real day is done every few seconds here
    "lease_seconds": "90",
    "lease_renewal_seconds": "1",
    "janitor_seconds": "1",
    "unclaimed_seconds": "60",
    "stream_sweep_seconds": "3",
    "stream_retention_seconds": "3",
    "adhoc_look_seconds": "5",
    "shadow_look_seconds": "5",
    "models_watch_seconds": "0.5",
    "free_space_floor_bytes": str(FLOOR_BYTES),
    "log_level": "WARNING",
}
PROGRESS_SECONDS = 10.0


def main() -> int:
    """The exit status: 0 where all is as it should be."""
    options = _options()
    enter_own_mounts("tests.month")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options.report.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ec-month-") as name:
        folder = Path(name)
        try:
            report = _run(options, folder)
        finally:
            with (options.report / "service.log").open("wb") as copy:
                copy.write((folder / "service.log").read_bytes())
    report.write(options.report)
    print(report.markdown())
    return 1 if report.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.month", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step-minutes", type=int, default=20, help="between frames")
    parser.add_argument("--ticks", type=int, default=4, help="scrapes for each frame")
    parser.add_argument("--disk-mib", type=int, default=256, help="size of the disk")
    parser.add_argument("--retention-gb", type=float, default=0.1, help="of a stream")
    parser.add_argument("--only", nargs="*", default=(), help="faults; all where none is named")
    parser.add_argument("--minutes", type=float, help="of real time, after which it ends early")
    parser.add_argument("--report", type=Path, default=Path("month-report"), help="folder")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: Path) -> Report:
    faults = calendar(options.days, options.seed, options.only)
    started, ending = time.monotonic(), Ending(options.minutes)
    with _living(options, folder) as month:
        with ending.by_signals():
            for valid in _followed(month, options, faults, started):
                last, reason = valid, ending.reason
                if reason:
                    break
        month.finish()
        lost, figures = _counted(month)
    wrong = [*what_is_not_shown(faults, last - START, options.days, reason), *lost]
    scraped_every = 1.5 * month.step / month.ticks
    alerts = raised(month.scrapes, folder, scraped_every)
    shown = [fault for fault in faults if fault.is_judged_at(last - START)]
    listened, false = heard(alerts, shown, START), unexplained(alerts, faults, START)
    filled = [fault for fault in faults if fault.name.startswith("disk")]
    missed = [
        f"Of '{one.fault.name}' nothing was heard in time." for one in listened if not one.in_time
    ]
    wrong += [*missed, *(f"{one.alert} was false at {one.since:%d. %H:%M}." for one in false)]
    wrong += [*month.faults, *disk_faults(month.samples, FLOOR_BYTES, filled)]
    wrong += memory_faults(month.samples)
    figures |= {"simulated until": f"{last:%d. %H:%M}", "scrapes": len(month.scrapes.times)}
    figures |= {"minutes it took": round((time.monotonic() - started) / 60)}
    early = f", ended on day {(last - START) / DAY:.1f}" if reason else ""
    title = f"{options.days:g} days of Echocast{early}, seed {options.seed}"
    disk_bytes = month.disk.size_bytes if month.disk else 0
    return Report(
        title,
        START,
        listened,
        alerts,
        false,
        month.samples,
        disk_bytes,
        FLOOR_BYTES,
        figures,
        wrong,
    )


@contextmanager
def _living(options: argparse.Namespace, folder: Path) -> Iterator[Month]:
    """A service with everything around it, until the context ends."""
    (folder / "clock").mkdir()
    clock = DrivenClock(folder / "clock", START)
    own = {**SETTINGS, "stream_retention_gb": str(options.retention_gb)}
    models = registry_of_five(folder / "models")
    with place(models, **own) as where:
        (where.data / "store").mkdir()
        where = replace(where, environment={**where.environment, **clock.environment})
        with (
            small_disk(where.data / "store", options.disk_mib * MIB) as disk,
            running(where, folder, workers=1) as service,
        ):
            if disk is None:
                print(NO_DISK, flush=True)
            yield Month(
                service,
                clock,
                disk,
                FLOOR_BYTES,
                timedelta(minutes=options.step_minutes),
                options.ticks,
                options.seed,
                Scrapes(options.report / "scrapes.txt"),
                Mirror(service.store, folder / "mirror"),
            )


def _followed(
    month: Month, options: argparse.Namespace, faults: list[Fault], started: float
) -> Iterator[Any]:
    """Every time of the month, with a line of progress now and then."""
    printed = started
    for valid in month.run(options.days, faults):
        if time.monotonic() - printed > PROGRESS_SECONDS:
            printed = time.monotonic()
            stored = month.samples[-1].stored / MIB
            print(
                f"{printed - started:6.0f} s  day {(valid - START) / timedelta(days=1):5.2f}"
                f" of {options.days:g}  {len(month.radar.sent):5d} frames  {stored:4.0f} MiB",
                flush=True,
            )
        yield valid


def _counted(month: Month) -> tuple[list[str], dict[str, Any]]:
    """What was lost, and what was counted: from copies of all files."""
    wrong, figures = list[str](), dict[str, Any]()
    nothing_damaged = Damage(month.mirror.root, random.Random(0))
    inspection = Inspection(month.service, month.ledger, nothing_damaged)
    for stream in month.streams:
        month.mirror.update(stream)
        result = recount(month.mirror.root, stream, nothing_damaged)
        wrong += [f"{stream}: {text}" for text in result.wrong]
        if result.missing:
            wrong.append(f"{stream}: {len(result.missing)} pairs are not counted.")
        if result.silent:
            wrong.append(f"{stream}: {len(result.silent)} frames have no forecast.")
        if different := inspection.difference(stream, result):
            wrong.append(f"{stream}: scores are not those of a recount: {different}.")
        figures[f"{stream}: frames accepted"] = len(month.ledger.times(stream))
        figures[f"{stream}: pairs to count, and counted"] = (
            f"{len(result.required)}, {len(result.counted)}"
        )
    status, answer = month.service.command("verify-archive")
    if status or answer.get("damaged"):
        wrong.append(f"verify-archive ended with {status}: {str(answer)[:300]}")
    figures["files verified at the end"] = answer.get("files")
    answers = Counter({k: v for k, v in month.ledger.answers.items() if k.startswith("frame")})
    figures["answers to frames"] = dict(answers)
    wrong += [f"An answer was unexpected: {text}" for text in month.ledger.unexpected[:3]]
    inspection.look_at_rest(month.service.stop())
    wrong += inspection.faults
    shutil.rmtree(month.mirror.root)
    return wrong, figures


if __name__ == "__main__":
    sys.exit(main())
