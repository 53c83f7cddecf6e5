"""``echocast benchmark``: how fast the whole chain is on this machine, and what it needs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx

from echocast.service.benchmark.figures import BenchmarkFailed, Measured, Say, show
from echocast.service.benchmark.input import draw_bodies
from echocast.service.benchmark.service import MeasuredService, measured_service

SMALL = (64, 64)
LARGE = (640, 710)
SINGLE_REQUESTS = 100
CONCURRENCY = 16
ROUNDS = 3  # of the bare network and the chain, as a machine's speed drifts
ROUND_REQUESTS = 96
WARMING_REQUESTS = 3
PLAIN_REPEATS = 2  # of the plain network, which takes several times as long
HEADERS = {"Content-Type": "application/x-netcdf", "Prefer": "wait=30"}


def run_benchmark(as_json: bool = False, preset: str = "", workers: int = 1) -> None:
    """Measure everything; takes a few minutes.

    Args:
        as_json: For machines.
        preset: Of a network that is made for this, untrained; empty: the model that serves.
        workers: Processes that share the CPUs.

    Raises:
        BenchmarkFailed: The service refused what it should do.
        StartRefused: There are too many workers.
    """
    show(partial(measure, preset=preset, workers=workers), as_json)


def measure(say: Say, preset: str = "", workers: int = 1) -> list[Measured]:
    """All figures, in the order they were measured."""
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        root = Path(name)
        models = os.environ.get("ECHOCAST_MODELS_DIR")
        if preset:
            say(f"Making an untrained {preset}")
            models = str(_untrained(root / "models", preset))
        say("Drawing storms")
        first = SINGLE_REQUESTS + WARMING_REQUESTS
        count = first + CONCURRENCY + ROUNDS * ROUND_REQUESTS
        small = draw_bodies(root / "small", count, *SMALL)
        large = draw_bodies(root / "large", 1, *LARGE)
        with measured_service(root / "data", models, workers, say) as service:
            say("One request at a time")
            single = [_timed(service.client, body) for body in small[:first]]
            rounds = _rounds(service, small[first:], models, say)
            say("A country: 640 x 710 pixels")
            seconds, _ = _timed(service.client, large[0])
            memory = service.worker_peak_mib()
    return [*service.starts, *_overheads(single[WARMING_REQUESTS:]), *_rates(rounds),
            Measured("640x710 forecast", seconds, "s", "<= 30"),
            Measured("worker peak memory", memory, "MiB", "<= 3072")]  # fmt: skip


def _overheads(single: Sequence[tuple[float, Mapping[str, float]]]) -> list[Measured]:
    """What a request costs beyond the network, in ms."""
    beyond = sorted(1000 * (total - timings["network"]) for total, timings in single)
    wholes = [1000 * total for total, _ in single]
    return [
        Measured("64x64 forecast, p50", statistics.median(wholes), "ms", "<= 400"),
        Measured("overhead, p50", statistics.median(beyond), "ms", "<= 50"),
        Measured("overhead, p99", beyond[round(0.99 * (len(beyond) - 1))], "ms", "<= 150"),
    ]


class Round(NamedTuple):
    """The network alone, then what many clients at once get and what that costs.

    Args:
        bare: Forecasts a second of the network alone: no preprocessing, postprocessing or files.
        plain: The same by PyTorch's operations, cell by cell, as the papers print it.
        rate: Forecasts a second of the whole chain.
        processor_ms: Milliseconds of processor time a forecast of the chain, by process with its
            children; None where the system does not tell.
    """

    bare: float
    plain: float
    rate: float
    processor_ms: dict[str, float | None]


def _rates(rounds: Sequence[Round]) -> list[Measured]:
    """Medians; the share is that of the rounds' shares."""
    of_rounds = f"median of {len(rounds)}"
    return [
        Measured(f"bare network, batch {CONCURRENCY}, {of_rounds}",
                 _median(part.bare for part in rounds), "forecasts/s"),
        Measured(f"plain PyTorch network, batch {CONCURRENCY}, {of_rounds}",
                 _median(part.plain for part in rounds), "forecasts/s"),
        Measured(f"throughput at concurrency {CONCURRENCY}, {of_rounds}",
                 _median(part.rate for part in rounds), "forecasts/s"),
        Measured(f"share of the bare network, {of_rounds}",
                 _median(100 * part.rate / part.bare for part in rounds), "%",
                 ">= 75 small, >= 90 radar"),
        Measured(f"share of the plain PyTorch network, {of_rounds}",
                 _median(100 * part.rate / part.plain for part in rounds), "%"),
        *(Measured(f"processor time a forecast, {name}, {of_rounds}",
                   _median(part.processor_ms[name] for part in rounds), "ms")
          for name in rounds[0].processor_ms),
    ]  # fmt: skip


def _median(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _timed(client: httpx.Client, body: bytes) -> tuple[float, dict[str, float]]:
    """Seconds from request to finished job, and the job's own timings."""
    started = time.perf_counter()
    answer = client.post("/nowcast", content=body, headers=HEADERS)
    seconds = time.perf_counter() - started
    while answer.status_code == 202:
        answer = client.post("/nowcast", content=body, headers=HEADERS)
        seconds = time.perf_counter() - started
    if answer.status_code != 200 or answer.json()["status"] != "succeeded":
        raise BenchmarkFailed(f"A nowcast did not succeed: {answer.text[:300]}")
    return seconds, answer.json()["timings"]


def _rounds(
    service: MeasuredService, bodies: Sequence[bytes], models: str | None, say: Say
) -> list[Round]:
    """Networks and chain by turns, after some requests that warm up."""
    rounds = []
    ask = partial(_timed, service.client)
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(ask, bodies[:CONCURRENCY]))
        for number in range(ROUNDS):
            say(f"Round {number + 1} of {ROUNDS}: the bare network")
            bare = _bare_network(models)
            say(f"Round {number + 1} of {ROUNDS}: the plain network")
            plain = _bare_network(models, "--plain", "--repeats", str(PLAIN_REPEATS))
            say(f"Round {number + 1} of {ROUNDS}: {CONCURRENCY} requests at a time")
            part = bodies[CONCURRENCY + number :: ROUNDS]
            before, started = service.processor_seconds(), time.perf_counter()
            list(pool.map(ask, part))
            seconds, after = time.perf_counter() - started, service.processor_seconds()
            costs = {name: _share(before[name], after[name], len(part)) for name in before}
            rounds.append(Round(bare, plain, len(part) / seconds, costs))
    return rounds


def _share(before: float | None, after: float | None, count: int) -> float | None:
    """Milliseconds each; None where one is not known."""
    return None if before is None or after is None else 1000 * (after - before) / count


def _untrained(models: Path, preset: str) -> Path:
    """A folder of models whose champion is an untrained network."""
    output = models / preset / "untrained"
    _run("echocast.model", "train", "untrained", "--preset", preset, "--output", str(output))
    (models / "aliases.json").write_text(json.dumps({"champion": f"{preset}/untrained"}))
    return models


def _bare_network(models: str | None, *options: str) -> float:
    """Forecasts a second of the network alone, in batches."""
    arguments = ["--batch", str(CONCURRENCY), "--height", str(SMALL[0]), "--width", str(SMALL[1])]
    arguments += ["--models-dir", models] if models else []
    arguments += ["--threads", os.environ.get("ECHOCAST_THREADS", "0")]
    output = _run("echocast.model", "phases", "--json", *arguments, *options)
    return float(json.loads(output)["network_forecasts_per_second"])


def _run(module: str, *arguments: str) -> str:
    """What ``python -m module`` prints.

    Raises:
        BenchmarkFailed: It failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"{module} {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
