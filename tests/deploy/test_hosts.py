"""Several hosts: engine, gateway and two workers in network namespaces; any is cut off at work."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from echocast.service.processes.readiness import stop_process, wait_until
from tests.deploy.engine_host import engine
from tests.deploy.namespaces import Host, hosts
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, other_storm
from tests.service.real_processes import QUICK
from tests.service.real_processes import eventually as soon

SECRET = "a-key-of-the-test"
PATIENCE = {"ECHOCAST_ENGINE_PATIENCE_SECONDS": "4", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Site:
    """Hosts that share one engine and one archive; a client calls from the second worker's."""

    hosts: dict[str, Host]
    environment: dict[str, str]
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.hosts['gateway'].address}:8000"

    @contextmanager
    def gateway(self) -> Iterator[None]:
        """The gateway, when it answers."""
        command = [sys.executable, "-m", "echocast.service.cli.main", "gateway"]
        host, log = self.hosts["gateway"], self.folder / "gateway.log"
        with host.running(command, self.environment, log) as process:
            host.call(lambda: wait_until(f"{self.url}/healthz", process, PATIENCE_SECONDS))
            yield

    @contextmanager
    def worker(self, name: str) -> Iterator[Any]:
        """A worker that answers only where its file ``<name>.hold`` is gone."""
        hold, log = self.folder / f"{name}.hold", self.folder / f"{name}.log"
        command = [sys.executable, "-W", "ignore", "-m", "tests.deploy.paused_worker", str(hold)]
        with self.hosts[name].running(command, self.environment, log) as process:
            yield process

    def ask(self, method: str, path: str, caller: str = "second", **given: Any) -> httpx.Response:
        """One request, from the second worker's host where no other is named."""

        def request() -> httpx.Response:
            with httpx.Client(
                base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False
            ) as client:
                headers = {"Authorization": f"Bearer {SECRET}", **given.pop("headers", {})}
                return client.request(method, path, headers=headers, **given)

        return self.hosts[caller].call(request)

    def post(self, seed: int) -> httpx.Response:
        return self.ask("POST", "/nowcast", content=other_storm(seed), headers=NETCDF)

    def statuses(self, paths: list[str]) -> list[str]:
        return [self.ask("GET", path).json()["status"] for path in paths]

    def workers(self) -> int:
        return len(self.ask("GET", "/readyz").json()["workers"])

    def problem(self) -> str:
        """What the gateway says of itself on its own host."""
        kind: str = self.ask("GET", "/readyz", caller="gateway").json().get("type", "")
        return kind.removeprefix("urn:echocast:problem:")


@pytest.fixture
def site(models: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        made = stack.enter_context(hosts("engine", "gateway", "first", "second"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp")))
        sha256 = hashlib.sha256(SECRET.encode()).hexdigest()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ECHOCAST_")}
        environment = {
            **inherited,
            **QUICK,
            **PATIENCE,
            "ECHOCAST_REDIS_URL": stack.enter_context(engine(made["engine"], folder)),
            "ECHOCAST_DATA_DIR": str(folder / "archive"),
            "ECHOCAST_MODELS_DIR": str(models),
            "ECHOCAST_HOST": made["gateway"].address,
            "ECHOCAST_KEYS": f"{sha256} submit test",
        }
        yield Site(made, environment, folder)


def test_a_worker_that_is_cut_off_at_work_loses_nothing_and_comes_back(site: Site) -> None:
    first = site.hosts["first"]
    with site.gateway(), site.worker("first"):
        soon(lambda: site.workers() == 1)
        hold = site.folder / "first.hold"
        hold.touch()
        paths = [site.post(seed).headers["location"] for seed in range(70, 73)]
        soon(lambda: site.statuses(paths) == ["running"] * 3)

        with site.worker("second") as second:
            soon(lambda: site.workers() == 2)
            first.cut_off()
            soon(lambda: site.statuses(paths) == ["succeeded"] * 3)
            jobs = [site.ask("GET", path).json() for path in paths]
            assert [job["attempts"] for job in jobs] == [2, 2, 2]
            paths.append(site.post(73).headers["location"])
            soon(lambda: site.statuses(paths) == ["succeeded"] * 4)
            stop_process(second)

        first.bring_back()
        hold.unlink()  # it finishes what was given away meanwhile, before anything new
        new = [site.post(74).headers["location"]]
        soon(lambda: site.statuses(new) == ["succeeded"])
        assert [site.ask("GET", path).json() for path in paths[:3]] == jobs


def test_a_gateway_that_is_cut_off_says_so_and_comes_back(site: Site) -> None:
    with site.gateway():
        soon(lambda: site.problem() == "no-worker")
        site.hosts["gateway"].cut_off()
        soon(lambda: site.problem() == "engine-unreachable")
        site.hosts["gateway"].bring_back()
        soon(lambda: site.problem() == "no-worker")


def test_what_was_accepted_outlives_an_engine_that_falls_silent(site: Site) -> None:
    """Behind a router: packets vanish, and no connection is refused or closed."""
    silent = site.hosts["engine"]
    for name in ("gateway", "first"):
        site.hosts[name].knows(silent)
        silent.knows(site.hosts[name])
    hold = site.folder / "first.hold"
    hold.touch()
    with site.gateway(), site.worker("first"):
        soon(lambda: site.workers() == 1)
        paths = [site.post(seed).headers["location"] for seed in (80, 81)]
        soon(lambda: site.statuses(paths) == ["running"] * 2)
        silent.cut_off()
        soon(lambda: site.problem() == "engine-unreachable")
        assert site.post(82).status_code == 503
        hold.unlink()  # what it finishes now it can tell nobody
        silent.bring_back()
        soon(lambda: site.statuses(paths) == ["succeeded"] * 2)
        soon(lambda: site.post(83).status_code == 202)
