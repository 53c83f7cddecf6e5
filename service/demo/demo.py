"""``echocast demo``: the main job through real HTTP on this machine, start to end."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from echocast.service.benchmark.figures import Say, step_progress
from echocast.service.demo.demo_input import prepare_input
from echocast.service.demo.score_table import score_tables
from echocast.service.errors import ServiceError
from echocast.service.processes.listening import free_port
from echocast.service.processes.readiness import running_service, wait_until

JOB_PATIENCE_SECONDS = 600.0
WAIT_SECONDS = 5
PICTURES = {"png": "forecast.png", "webp": "loop.webp", "netcdf": "forecast.nc"}


class DemoFailed(ServiceError):
    """The demo could not do its job."""


@dataclass(frozen=True)
class Demo:
    """One conversation with a running service."""

    client: httpx.Client
    output: Path
    say: Say

    def run(self, reference_time: datetime) -> dict[str, Any]:
        """Submit, wait, fetch everything, and return the finished job."""
        job = self._finished(self._submit(reference_time))
        for name, file in PICTURES.items():
            self.say(f"Fetching {file}")
            answer = self._ask("GET", f"{job['links']['forecast']}?format={name}")
            (self.output / file).write_bytes(answer.content)
        scores = self._ask("GET", job["links"]["verification"]).json()
        (self.output / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        return {"job": job, "scores": scores, "model": self._model(job["model"])}

    def _submit(self, reference_time: datetime) -> dict[str, Any]:
        self.say("POST /nowcast: ten frames in, the later ones to verify")
        answer = self._ask(
            "POST",
            "/nowcast",
            params={"reference_time": reference_time.isoformat()},
            content=(self.output / "input.nc").read_bytes(),
            headers={"Content-Type": "application/x-netcdf", "Prefer": f"wait={WAIT_SECONDS}"},
        )
        submitted: dict[str, Any] = answer.json()
        return submitted

    def _finished(self, job: dict[str, Any]) -> dict[str, Any]:
        give_up = time.monotonic() + JOB_PATIENCE_SECONDS
        while True:
            job = self._ask("GET", job["links"]["self"]).json()
            if job["status"] == "succeeded":
                return job
            if job["status"] in ("failed", "cancelled", "expired"):
                reason = job.get("error", {}).get("message", "no reason was given")
                raise DemoFailed(f"The nowcast {job['status']}: {reason}")
            if time.monotonic() > give_up:
                raise DemoFailed(f"The nowcast is {job['status']} after {JOB_PATIENCE_SECONDS} s.")
            self.say(f"The network computes ({job['status']})")
            time.sleep(0.3)

    def _model(self, name: Mapping[str, str]) -> dict[str, Any]:
        models = self._ask("GET", "/models").json()["models"]
        fits = (m for m in models if (m["name"], m["version"]) == (name["name"], name["version"]))
        return next(fits, dict(name))

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = self.client.request(method, path, **request)
        if answer.is_error:
            raise DemoFailed(f"{method} {path} was refused: {answer.json().get('detail')}")
        return answer


def run_demo(files: Sequence[Path], output: Path, as_json: bool = False) -> None:
    """Forecast radar frames through a service that runs meanwhile, and show the scores.

    Raises:
        DemoFailed: A step was refused or took too long.
    """
    console = Console(stderr=as_json)
    output.mkdir(parents=True, exist_ok=True)
    with step_progress(console) as bar:
        task = bar.add_task("Preparing the input")

        def say(step: str) -> None:
            if not console.is_terminal and step != bar.tasks[0].description:
                console.print(step)
            bar.update(task, description=step)

        source, reference_time = prepare_input(files, output / "input.nc", say)
        result = _through_http(output, reference_time, say)
    if as_json:
        print(json.dumps(result["scores"]))
    _report(console, output, source, result)


def _through_http(output: Path, reference_time: datetime, say: Say) -> dict[str, Any]:
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="echocast-demo-") as data:
        log = Path(data) / "service.log"
        with running_service(Path(data) / "data", port, log) as process:
            say("Starting the engine, a worker and the gateway")
            try:
                wait_until(f"http://127.0.0.1:{port}/readyz", process, 90.0)
            except ServiceError as error:
                tail = log.read_text(errors="replace")[-2000:]
                raise DemoFailed(f"{error} The log of the service ends with:\n{tail}") from error
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False
            ) as client:
                result = Demo(client, output, say).run(reference_time)
            say("Stopping everything")
    return result


def _report(console: Console, output: Path, source: str, result: Mapping[str, Any]) -> None:
    model, timings = result["model"], result["job"]["timings"]
    console.print(f"Input: {source}.")
    console.print(f"Model: {model['name']} {model['version']}, {timings.get('total', 0):.2f} s.")
    console.print(*score_tables(result["scores"]))
    console.print("CSI is best at 1; n counts observed pixels with such rain; - is undefined.")
    if model.get("equals_extrapolation"):
        console.print(
            "The loaded model equals extrapolation: its network adds nothing yet, so both rows of"
            " scores are the same."
        )
    names = ", ".join(("input.nc", *sorted(PICTURES.values()), "scores.json"))
    console.print(f"Written to {output}/: {names}")
