"""What a training costs the nowcasts beside it on the same machine (Linux with autogroups, root).

    python -m experiments.beside_training --output beside-training

One service answers nowcasts of 64x64 pixels, one after the other, all the while. A retraining runs
beside it at niceness 19, in one thread, and is by turns stopped, let run in a session that has the
weight of any other, and let run in one that has the lowest. Written: ``latency.json``.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from echocast.service.processes.listening import free_port
from echocast.service.processes.readiness import running_service, stop_process, wait_until
from echocast.workers.settings import WorkerSettings
from experiments.live_service import Caller, fill, logged_in_a_folder

SEEDS, FRAMES, SIDE = range(400, 412), 26, 96
CONFIG = {"crop": 48, "steps": 100_000, "batch": 4, "rules": {"wet_share": 0.0}}
SPELL_SECONDS = 15.0
WAYS = ("stopped", "niceness 19", "niceness 19, of its session too")


def let(process: subprocess.Popen[bytes], way: str) -> None:
    """Stop the training, or let it go on in one of the ways."""
    if way == "stopped":
        process.send_signal(signal.SIGSTOP)
        return
    session = "19" if way == WAYS[2] else "0"
    Path(f"/proc/{process.pid}/autogroup").write_text(session)
    process.send_signal(signal.SIGCONT)


def training(settings: WorkerSettings, work: Path, log: Path) -> subprocess.Popen[bytes]:
    """A retraining in a session of its own, as a trainer starts it."""
    places = ["--work", str(work), "--models-dir", str(settings.models_root)]
    command = [
        sys.executable,
        "-m",
        "echocast.model",
        "retrain",
        str(settings.archive_root),
        *places,
    ]
    options = ["--niceness", "19", "--threads", "1", "--config", json.dumps(CONFIG)]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*command, *options], stdout=output, stderr=output, start_new_session=True
        )


def steps(work: Path) -> int:
    """How many steps a training has made."""
    losses = work / "run" / "losses.csv"
    return len(losses.read_text().splitlines()) if losses.exists() else 0


def measure(output: Path, cycles: int) -> dict[str, dict[str, float]]:
    """Seconds of nowcasts that began and ended within spells of each way."""
    settings, port, log = WorkerSettings(data_dir=output / "data"), free_port("127.0.0.1"), output
    fill(settings, SEEDS, FRAMES, SIDE)
    url, spells, work = (
        f"http://127.0.0.1:{port}",
        list[tuple[str, float, float]](),
        output / "work",
    )
    made = dict.fromkeys(WAYS, 0)
    with running_service(settings.data_dir, port, log / "log.txt") as service:
        wait_until(f"{url}/readyz", service, 300)
        process = training(settings, work, log / "training.txt")
        caller = Caller(url, output)
        try:
            while not steps(work):
                time.sleep(1)
            caller.start()
            for way in WAYS * cycles:
                let(process, way)
                began, before = time.monotonic(), steps(work)
                time.sleep(SPELL_SECONDS)
                spells.append((way, began, time.monotonic()))
                made[way] += steps(work) - before
        finally:
            caller.stop()
            let(process, WAYS[1])
            stop_process(process)
    assert not caller.failures, caller.failures
    return {way: summary(within(caller, spells, way)) | {"steps": made[way]} for way in WAYS}


def within(caller: Caller, spells: list[tuple[str, float, float]], way: str) -> list[float]:
    """Seconds of the nowcasts that lie in a spell of that way."""
    return [
        took
        for asked, took in caller.seconds
        if any(w == way and began <= asked and asked + took <= end for w, began, end in spells)
    ]


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and number."""
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50": round(cuts[49], 3), "p99": round(cuts[98], 3), "n": len(seconds)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=12)
    logged_in_a_folder(parser, "latency.json", lambda given: measure(given.output, given.cycles))
