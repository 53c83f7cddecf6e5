"""Retraining from start to end, on a service that answers requests meanwhile.

    python -m experiments.retraining --output retraining-story

Twenty-two synthetic events lie in the archive, of seeds whose storms drift fast: on those that
stand still, persistence is better than the shipped network after half an hour. The shipped network
serves, spoiled: every weight was multiplied by 1 + .4 N(0, 1). Nowcasts are requested all the time.
A sensible retraining repairs the champion: its challenger passes the criteria, is promoted and
serves. Then one whose learning rate is far too high makes a worse challenger, which is rejected.
The criteria are the default ones but for persistence at 40 dBZ, which on such storms the shipped
network itself does not beat later than half an hour. Written: ``story.json`` (which model answered
how often, jobs that failed, the history of the models) and the pages of both retrainings.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

from echocast.model.registry.history import HistoryEntry
from echocast.model.registry.registry import Registry
from echocast.service.processes.listening import free_port
from echocast.service.processes.readiness import running_service, stop_process, wait_until
from echocast.workers.engine.client import EngineClient
from echocast.workers.retraining.requests import RetrainingRequests, request_retraining
from echocast.workers.settings import WorkerSettings
from experiments.live_service import Caller, fill, logged_in_a_folder, spoiled, until

FRAMES, SIDE, EVENTS = 64, 144, 22
WINDY = 10.0  # m/s
NOISE = 0.4
SENSIBLE = {
    "crop": 48,
    "stride": 8,
    "steps": 120,
    "batch": 4,
    "peak_rate": 0.002,
    "gate": {"persistence_dbz": [30.0]},
}
ABSURD = {**SENSIBLE, "steps": 20, "peak_rate": 0.01}
PATIENCE_SECONDS = 3600.0


def windy(count: int) -> list[int]:
    """Seeds of storms that drift fast: their wind is the first number that a seed draws."""
    drawn = ((seed, np.random.default_rng(seed).uniform(3, 20)) for seed in itertools.count(400))
    return list(itertools.islice((seed for seed, wind in drawn if wind >= WINDY), count))


@contextmanager
def trainer(settings: WorkerSettings, config: dict[str, float], log: Path) -> Iterator[None]:
    """A trainer beside the service, whose challengers may serve."""
    environment = {
        **os.environ,
        "ECHOCAST_DATA_DIR": str(settings.data_dir),
        "ECHOCAST_RETRAIN_CONFIG": json.dumps(config),
        "ECHOCAST_RETRAIN_PROMOTES": "1",
    }
    with log.open("ab") as output:
        command = [sys.executable, "-m", "echocast.service.cli.main", "trainer"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        stop_process(process)


def retrained(settings: WorkerSettings, models: Registry, config, why: str, log: Path):
    """Ask for a retraining; the entry in the history, and the seconds until it stood there."""
    began, before = time.monotonic(), len(retrainings(models))
    engine = EngineClient(settings.engine_url, 10)
    with trainer(settings, config, log):
        request_retraining(engine, why)
        until(lambda: len(retrainings(models)) > before, PATIENCE_SECONDS)
        until(lambda: RetrainingRequests(engine).pending() is None, 60)
    engine.close()
    return retrainings(models)[-1], round(time.monotonic() - began)


def retrainings(models: Registry) -> list[HistoryEntry]:
    """The entries of retrainings, oldest first."""
    return [entry for entry in models.reader.history() if entry.what == "retrain"]


def tell(output: Path) -> dict[str, object]:
    """Run everything; what happened."""
    settings = WorkerSettings(data_dir=output / "data")
    models, port, log = Registry(settings.models_root), free_port("127.0.0.1"), output / "log.txt"
    fill(settings, windy(EVENTS), FRAMES, SIDE)
    models.promote(spoiled(models, "1", NOISE), who="story", why="Spoiled on purpose.")
    url, acts = f"http://127.0.0.1:{port}", []
    with running_service(settings.data_dir, port, log) as service:
        wait_until(f"{url}/readyz", service, 300)
        caller = Caller(url, output)
        caller.start()
        try:
            for config, why in ((SENSIBLE, "A better one."), (ABSURD, "A worse one.")):
                entry, seconds = retrained(settings, models, config, why, log)
                acts.append({"seconds": seconds, "config": config, **entry.facts})
                shutil.copytree((models.root / entry.facts["report"]).parent, output / why)
                if entry.facts["verdict"] == "promote":
                    served = str(entry.facts["challenger"])
                    until(lambda name=served: caller.answers.get(name, 0) >= 5, 300)
        finally:
            caller.stop()
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return {
        "acts": acts,
        "answers": caller.answers,
        "failures": caller.failures,
        "median_seconds": round(statistics.median(took for _, took in caller.seconds), 2),
        "history": [{"what": e.what, "who": e.who, "why": e.why} for e in models.reader.history()],
        "metrics": [line for line in metrics if line.startswith("echocast_retrain")],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    logged_in_a_folder(parser, "story.json", lambda given: tell(given.output))
