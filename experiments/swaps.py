"""Twenty changes of the champion, networks of the shipped size, while nowcasts are asked for.

    python -m experiments.swaps --output swaps

Six versions, more than a worker keeps loaded, take turns; the next one is promoted when the last
one has answered. Written: ``swaps.json`` (answers by version, jobs that failed, the worker's
resident memory after each change in MB).
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

from echocast.model.registry.registry import Registry
from echocast.service.processes.listening import free_port
from echocast.service.processes.readiness import running_service, wait_until
from echocast.workers.jobs.store import JobStore
from echocast.workers.settings import WorkerSettings
from experiments.live_service import Caller, logged_in_a_folder, spoiled, until

VERSIONS, SWAPS, CALLERS = "123456", 20, 3
NOISE = 0.01


def resident_mb(pid: int) -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def answers(callers: list[Caller]) -> dict[str, int]:
    """How often each version answered."""
    names = {name for caller in callers for name in caller.answers}
    return {name: sum(caller.answers.get(name, 0) for caller in callers) for name in sorted(names)}


def tell(output: Path) -> dict[str, object]:
    """Run everything; what happened."""
    settings, port = WorkerSettings(data_dir=output / "data"), free_port("127.0.0.1")
    models, url = Registry(settings.models_root), f"http://127.0.0.1:{port}"
    made = [spoiled(models, version, NOISE, seed=int(version)) for version in VERSIONS]
    models.promote(made[0], who="swaps", why="To begin with.")
    resident, seconds = [], []
    with running_service(settings.data_dir, port, output / "log.txt") as service:
        wait_until(f"{url}/readyz", service, 300)
        jobs = JobStore(settings.engine_url, settings.job_policy)
        (worker,) = jobs.alive_workers()
        callers = [Caller(url, output, number) for number in range(CALLERS)]
        try:
            for caller in callers:
                caller.start()
            for reference in itertools.islice(itertools.cycle([*made[1:], made[0]]), SWAPS):
                before, began = answers(callers).get(reference, 0), time.monotonic()
                models.promote(reference, who="swaps", why="The next one.")
                until(lambda r=reference, b=before: answers(callers).get(r, 0) > b, 300)
                seconds.append(round(time.monotonic() - began, 1))
                resident.append(resident_mb(worker.pid))
        finally:
            for caller in callers:
                caller.stop()
        same = [alive.pid for alive in jobs.alive_workers()] == [worker.pid]
        jobs.close()
    return {
        "answers": answers(callers),
        "failures": [failure for caller in callers for failure in caller.failures],
        "the_same_worker": same,
        "resident_mb": resident,
        "seconds_to_the_first_answer": seconds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    logged_in_a_folder(parser, "swaps.json", lambda given: tell(given.output))
