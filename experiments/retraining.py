"""The whole story of a retraining on a service that answers all the while.

    python experiments/retraining.py --output retraining-story

Twelve seeded synthetic events lie in the archive; a crippled network serves. A trainer runs beside
the service, a retraining is asked for, its challenger is better and may serve at once; nowcasts are
asked for without a pause. Written: ``story.json`` (which model answered how often, jobs that
failed, the history of the models) and the page of the retraining.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import torch

from model import golden
from model.archive.building import add
from model.checkpoint import save
from model.config import RADAR_SMALL
from model.formats.cf import write_frames
from model.networks import Network
from model.registry import Registry
from model.synthetic import storm
from service.processes.up import free_port
from workers.engine_client import EngineClient
from workers.retraining import request
from workers.settings import WorkerSettings

SEEDS = (271, 208, 293, 325, 209, 246, 245, 248, 255, 288, 207, 256)
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
EVERY = timedelta(hours=12)
SIDE, FRAMES = 64, 26
CRIPPLED_DB = 9.0
NETWORK = replace(RADAR_SMALL, layers=2, hidden_channels=4)
CONFIG = {
    "crop": 48,
    "crops": 2,
    "stride": 2,
    "steps": 300,
    "batch": 4,
    "peak_rate": 0.01,
    "rules": {"wet_share": 0.0},
    "gate": {
        "fewest_blocks": 4,
        "fewest_storms": 2,
        "fewest_pixels": 100,
        "block_minutes": 30.0,
    },
}
PATIENCE_SECONDS = 1200.0


def crippled() -> Network:
    """Scale-damped extrapolation, its head moved down: too dry a forecast."""
    torch.manual_seed(0)
    network = Network(NETWORK)
    patch = NETWORK.patch**2
    with torch.no_grad():
        network.head.bias[:patch] -= CRIPPLED_DB / 70
        network.head.bias[patch : 2 * patch] -= CRIPPLED_DB / 3
    return network


def prepare(settings: WorkerSettings) -> Registry:
    """The archive, and a champion that can be beaten."""
    for number, seed in enumerate(SEEDS):
        start = BEGIN + number * EVERY
        frames = storm(seed, frames=FRAMES, height=SIDE, width=SIDE, start=start)
        add(frames, settings.archive_root, "radar", f"storm {seed}")
    models = Registry(settings.models_root)
    staged = models.stage("story")
    save(crippled(), staged, {"cuts": [0.4, 0.3, 0.3, 0.2, 0.2, 0.2]})
    golden.describe(staged)
    models.publish(staged, "story", "1")
    models.promote("story/1", who="story", why="Crippled on purpose.")
    return models


class Caller(threading.Thread):
    """Asks for nowcasts, one after the other, each with an input of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self.url, self.folder = url, folder
        self.answers: dict[str, int] = {}
        self.failures: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        """Ask until told to stop; a service that is full is asked again."""
        number = 0
        with httpx.Client(base_url=self.url, timeout=60.0, trust_env=False) as client:
            while not self.stopping.is_set():
                number += 1
                self._ask(client, number)

    def _ask(self, client: httpx.Client, number: int) -> None:
        path = self.folder / "input.nc"
        path.unlink(missing_ok=True)
        write_frames(storm(number, frames=10, height=SIDE, width=SIDE, start=BEGIN), path)
        headers = {"Content-Type": "application/x-netcdf", "Prefer": "wait=30"}
        answer = client.post("/nowcast", content=path.read_bytes(), headers=headers)
        told = answer.json()
        while answer.status_code == 202 or told.get("status") in ("accepted", "queued", "running"):
            answer = client.get(told["links"]["self"])
            told = answer.json()
        if told.get("status") == "succeeded":
            name = f"{told['model']['name']}/{told['model']['version']}"
            self.answers[name] = self.answers.get(name, 0) + 1
        else:
            self.failures.append(json.dumps(told)[:500])


def until(condition, seconds: float = PATIENCE_SECONDS):
    """The first true value of a condition."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if value := condition():
            return value
        time.sleep(0.5)
    raise TimeoutError("The story did not go on.")


def tell(output: Path) -> dict[str, object]:
    """Run everything; what happened."""
    data, port = output / "data", free_port("127.0.0.1")
    environment = {
        **os.environ,
        "ECHOCAST_DATA_DIR": str(data.resolve()),
        "ECHOCAST_PORT": str(port),
        "ECHOCAST_RETRAIN_CONFIG": json.dumps(CONFIG),
        "ECHOCAST_RETRAIN_PROMOTES": "1",
    }
    settings = WorkerSettings(data_dir=data.resolve())
    models, url = prepare(settings), f"http://127.0.0.1:{port}"
    log = (output / "log.txt").open("wb")
    command = [sys.executable, "-m", "service.cli"]
    roles = [
        subprocess.Popen([*command, role], env=environment, stdout=log, stderr=log)
        for role in ("up", "trainer")
    ]
    caller = Caller(url, output)
    began = time.monotonic()
    try:
        until(lambda: ready(url))
        caller.start()
        until(lambda: sum(caller.answers.values()) >= 5)
        engine = EngineClient(settings.engine_url, 10)
        request(engine, "The story wants it.")
        entry = until(lambda: next((e for e in models.history() if e.what == "retrain"), None))
        verdict_after = time.monotonic() - began
        served = str(entry.facts["challenger"])
        if entry.facts["verdict"] == "promote":
            until(lambda: caller.answers.get(served, 0) >= 5)
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    finally:
        caller.stopping.set()
        caller.join(60)
        for role in roles[::-1]:
            role.terminate()
        ends = [role.wait(60) for role in roles]
        log.close()
    shutil.copytree(models.root / "reports" / str(entry.facts["id"]), output / "report")
    lines = [line for line in metrics.splitlines() if line.startswith("echocast_retrain")]
    return {
        "verdict": entry.facts["verdict"],
        "because": entry.facts["because"],
        "verdict_after_seconds": round(verdict_after),
        "answers": caller.answers,
        "failures": caller.failures,
        "history": [{"what": e.what, "who": e.who, "why": e.why} for e in models.history()],
        "metrics": lines,
        "exit_codes": ends,
    }


def ready(url: str) -> bool:
    """Whether the service takes nowcasts."""
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    """Tell the story in a folder that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    output.mkdir(parents=True)
    story = tell(output)
    (output / "story.json").write_text(json.dumps(story, indent=1) + "\n")
    print(json.dumps(story, indent=1))


if __name__ == "__main__":
    main()
