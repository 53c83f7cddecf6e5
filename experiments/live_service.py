"""What the experiments on a live service share: an archive, a spoiled champion, a caller."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import torch

from echocast.model import acceptance
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.registry.checkpoint import load, save
from echocast.model.registry.manifest import read_manifest
from echocast.model.registry.reader import SHIPPED, RegistryReader
from echocast.model.registry.registry import Registry
from echocast.model.retraining.archive_builder import add
from echocast.model.synthetic.storms import storm
from echocast.workers.settings import WorkerSettings

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
EVENT_EVERY = timedelta(hours=12)
ASKED_SIDE = 64  # pixels of the nowcasts that are asked for


def fill(settings: WorkerSettings, seeds: Iterable[int], frames: int, side: int) -> None:
    """An archive of synthetic events, one for each seed."""
    for number, seed in enumerate(seeds):
        start = BEGIN + number * EVENT_EVERY
        event = storm(seed, frames=frames, height=side, width=side, start=start)
        add(event, settings.archive_root, "radar", f"storm {seed}")


def spoiled(models: Registry, version: str, noise: float, seed: int = 0) -> str:
    """The shipped champion, every weight times 1 + noise N(0, 1), as a version ``story/...``."""
    shipped = RegistryReader(SHIPPED).resolve()
    network, _ = load(shipped)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + noise * torch.randn_like(parameter))
    staged = models.stage("story")
    save(network, staged, {"cuts": read_manifest(shipped)["cuts"]})
    acceptance.describe(staged)
    models.publish(staged, "story", version)
    return f"story/{version}"


class Caller(threading.Thread):
    """Asks for nowcasts, one after the other, each with an input of its own.

    Args:
        url: Of the service.
        folder: Of the input files.
        number: Of the caller: no two ask for the same.
    """

    def __init__(self, url: str, folder: Path, number: int = 0) -> None:
        super().__init__(daemon=True)
        self.url, self.folder, self.first = url, folder, number * 1_000_000
        self.answers: dict[str, int] = {}
        self.failures: list[str] = []
        self.seconds: list[tuple[float, float]] = []  # when asked (monotonic), how long
        self.stopping = threading.Event()

    def run(self) -> None:
        """Ask until it is stopped."""
        number = self.first
        with httpx.Client(base_url=self.url, timeout=120.0, trust_env=False) as client:
            while not self.stopping.is_set():
                number += 1
                self._ask(client, self._input(number))

    def _input(self, seed: int) -> bytes:
        path = self.folder / f"input-{self.first}.nc"
        path.unlink(missing_ok=True)
        write_frames(storm(seed, frames=10, height=ASKED_SIDE, width=ASKED_SIDE), path)
        return path.read_bytes()

    def _ask(self, client: httpx.Client, content: bytes) -> None:
        began = time.monotonic()
        headers = {"Content-Type": "application/x-netcdf", "Prefer": "wait=30"}
        answer = client.post("/nowcast", content=content, headers=headers)
        answered = answer.json()
        while answered.get("status") in ("accepted", "queued", "running"):
            time.sleep(0.2)
            answered = client.get(answered["links"]["self"]).json()
        self.seconds.append((began, time.monotonic() - began))
        if answered.get("status") == "succeeded":
            name = f"{answered['model']['name']}/{answered['model']['version']}"
            self.answers[name] = self.answers.get(name, 0) + 1
        else:
            self.failures.append(json.dumps(answered)[:500])

    def stop(self) -> None:
        """End after the answer that is awaited."""
        self.stopping.set()
        self.join(180)


def logged_in_a_folder(
    parser: argparse.ArgumentParser, name: str, tell: Callable[[argparse.Namespace], Any]
) -> None:
    """Run an experiment in a folder that is not there yet; write and print its result.

    Args:
        parser: Of the experiment's other options; ``--output`` is added, and made.
        name: Of the JSON file in that folder.
        tell: The experiment.
    """
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    given.output = given.output.resolve()
    given.output.mkdir(parents=True)
    result = json.dumps(tell(given), indent=1)
    (given.output / name).write_text(result + "\n")
    print(result)


def until(condition, seconds: float):
    """The first true value of a condition."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if value := condition():
            return value
        time.sleep(0.5)
    raise TimeoutError("The story did not go on.")
