"""A real Prometheus that watches a real service: loopback only, stopped by its own id."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from echocast.service.processes.readiness import stop_process
from tests.deploy.prometheus_files import PROMETHEUS, program
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.service.real_processes import eventually

EVERY_SECONDS = 1


@dataclass(frozen=True)
class Prometheus:
    """The HTTP API of a Prometheus."""

    client: httpx.Client

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}", params=parameters)
        body = answer.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]

    def values(self, expression: str, start: float, end: float) -> list[float]:
        """All values that an expression has at steps of a span, as numbers."""
        times = {"start": f"{start}", "end": f"{end}", "step": f"{EVERY_SECONDS}"}
        result = self.get("query_range", query=expression, **times)["result"]
        return [float(value) for series in result for _, value in series["values"]]

    def names(self) -> set[str]:
        """Names of all series."""
        return set(self.get("label/__name__/values"))

    def await_scrapes(self, number: int = 2) -> None:
        """Return when all targets were scraped so often after now, without an error."""
        for _ in range(number):
            self.await_scrape_after(time.time())

    def await_scrape_after(self, since: float) -> None:
        """Return when all targets were scraped after a time, without an error."""
        eventually(lambda: self._scraped_after(since))

    def _scraped_after(self, since: float) -> bool:
        targets = self.get("targets", state="active")["activeTargets"]
        return bool(targets) and all(
            target["health"] == "up" and seconds(target["lastScrape"]) > since for target in targets
        )


def seconds(time_text: str) -> float:
    """A time of the API, of which Python reads six decimals."""
    whole, _, rest = time_text.partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]}+00:00").timestamp()


def configuration(gateway: str) -> str:
    """The shipped configuration, on this machine: other addresses, no key, no other hosts."""
    shipped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    times = {"scrape_interval": f"{EVERY_SECONDS}s", "evaluation_interval": f"{EVERY_SECONDS}s"}
    job = shipped["scrape_configs"][0]
    del job["authorization"]
    job["scrape_timeout"] = f"{EVERY_SECONDS}s"
    job["static_configs"] = [{"targets": [gateway]}]
    rules = [str(PROMETHEUS / pattern) for pattern in shipped["rule_files"]]
    return yaml.safe_dump({"global": times, "rule_files": rules, "scrape_configs": [job]})


@contextmanager
def prometheus(folder: Path, gateway: str) -> Iterator[Prometheus]:
    """Debian's Prometheus, with the shipped rules, looking at a gateway's ``host:port``."""
    with prometheus_with(folder, configuration(gateway)) as watching:
        yield watching


@contextmanager
def prometheus_with(folder: Path, configuration: str) -> Iterator[Prometheus]:
    """Debian's Prometheus with a configuration."""
    path, port = folder / "prometheus.yml", free_port()
    path.write_text(configuration)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={path}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            eventually(lambda: client.get("/-/ready").status_code == 200)
            yield Prometheus(client)
    finally:
        stop_process(process)
