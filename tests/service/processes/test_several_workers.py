"""``echocast up --workers N``: workers that share the CPUs, the queue and one ``/metrics``."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from echocast.service.errors import StartRefused
from echocast.service.metrics.scrape import joined
from echocast.service.processes import listening
from echocast.service.processes.listening import bound_socket, reserved_ports
from echocast.service.processes.up import addresses, first_metrics_port, worker_roles
from echocast.service.settings import ServiceSettings
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.runtime.machine import usable_cpus
from echocast.workers.runtime.refusal import REFUSED
from tests.ports import LOOPBACK, free_port
from tests.service.bodies import other_storm, post
from tests.service.command_line import echocast
from tests.service.processes.test_up import command_line, descendants, service
from tests.service.real_processes import eventually, place

JOBS, SUCCEEDED = "echocast_jobs_total", {"status": "succeeded"}


def by_worker(text: str, name: str, labels: Mapping[str, str]) -> dict[str, float]:
    """The value of a metric with exactly these labels, by worker."""
    return {
        worker: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
        and (worker := sample.labels.get("worker", ""))
        and {**labels, "worker": worker} == sample.labels
    }


def samples(client: httpx.Client, name: str, **labels: str) -> dict[str, float]:
    return by_worker(client.get("/metrics").text, name, labels)


def test_two_workers_take_jobs_and_one_that_is_killed_comes_back(models: Path) -> None:
    with place(models) as where, service(where, "--workers", "2") as (process, client):
        eventually(lambda: len(client.get("/readyz").json()["workers"]) == 2)
        accepted: list[str] = []

        def submit(count: int) -> None:
            seeds = range(100 + len(accepted), 100 + len(accepted) + count)
            accepted.extend(post(client, other_storm(s)).headers["location"] for s in seeds)

        def both_took_some() -> bool:
            submit(4)
            counts = samples(client, JOBS, **SUCCEEDED)
            return counts.keys() == {"1", "2"} and all(counts.values())

        eventually(both_took_some)

        started = samples(client, "process_start_time_seconds")
        workers = [
            p
            for p in descendants(process.pid)
            if "parent_watch echocast.workers" in command_line(p)
        ]
        assert len(workers) == 2
        submit(8)
        os.kill(workers[0], signal.SIGKILL)
        submit(8)
        eventually(
            lambda: all(client.get(path).json()["status"] == "succeeded" for path in accepted)
        )

        def one_is_another() -> bool:
            now = samples(client, "process_start_time_seconds")
            return len(now) == 2 and sum(now[name] != started[name] for name in started) == 1

        eventually(one_is_another)
        assert process.poll() is None


def test_metrics_of_workers_are_told_apart_and_nothing_is_lost() -> None:
    """Each family is named once; the values of each worker are its own."""
    workers = {"1": WorkerMetrics(), "2": WorkerMetrics()}
    for count, metrics in enumerate(workers.values(), start=3):
        for _ in range(count):
            metrics.on_end("succeeded", {"prepare": 0.5})
    texts = {name: generate_latest(metrics.registry).decode() for name, metrics in workers.items()}
    families = {name: text_string_to_metric_families(text) for name, text in texts.items()}
    text = joined(families.items()).decode()
    assert by_worker(text, JOBS, SUCCEEDED) == {"1": 3, "2": 4}
    seconds = by_worker(text, "echocast_job_phase_seconds_sum", {"phase": "prepare"})
    assert seconds == {"1": 1.5, "2": 2.0}
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) > 10
    for name, own in texts.items():
        lines = [line for line in own.splitlines() if not line.startswith("#")]
        assert len(lines) == text.count(f'worker="{name}"')


def test_nobody_tells_anything() -> None:
    assert joined([]) == b""


def test_workers_share_the_cpus_and_have_ports_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ECHOCAST_THREADS", raising=False)
    cpus = usable_cpus()
    for count in range(1, 2 * cpus + 1):
        roles = worker_roles(ServiceSettings(workers=count), 9100)
        ports = [int(role.settings["ECHOCAST_WORKER_METRICS_PORT"]) for role in roles]
        assert ports == list(range(9100, 9100 + count))
        threads = [int(role.settings["ECHOCAST_THREADS"]) for role in roles]
        assert min(threads) >= 1
        assert sum(threads) <= max(cpus, count)
        assert len({role.name for role in roles}) == count
    assert worker_roles(ServiceSettings(), 9100)[0].settings["ECHOCAST_THREADS"] == str(cpus)
    two = ServiceSettings(workers=2)
    assert {r.settings["ECHOCAST_WORKER_METRICS_PORT"] for r in worker_roles(two, 0)} == {"0"}
    two = ServiceSettings(workers=2, threads=3)
    assert {role.settings["ECHOCAST_THREADS"] for role in worker_roles(two, 0)} == {"3"}
    with pytest.raises(StartRefused, match="workers are more than"):
        worker_roles(ServiceSettings(workers=4 * cpus + 1), 9100)


def test_ports_for_metrics_are_those_that_were_set_or_free_ones() -> None:
    first = free_port(2)
    assert first_metrics_port(ServiceSettings(workers=2, worker_metrics_port=first)) == first
    assert first_metrics_port(ServiceSettings(workers=2, worker_metrics_port=0)) == 0
    with pytest.raises(StartRefused, match="no ports for metrics"):
        first_metrics_port(ServiceSettings(workers=2, worker_metrics_port=65535))
    first = listening.free_port(LOOPBACK, 3)
    for port in range(first, first + 3):
        bound_socket(LOOPBACK, port).close()


def test_ports_are_kept_for_those_who_listen_later() -> None:
    """Of the gateway and of each worker; another program is given none of them meanwhile."""
    port, first = free_port(), free_port(2)
    two = ServiceSettings(host=LOOPBACK, workers=2)
    assert addresses(two, port, 0) == [(LOOPBACK, port)]
    ours = addresses(two, port, first)
    assert ours == [(LOOPBACK, number) for number in (port, first, first + 1)]
    with reserved_ports(ours):
        assert [is_given(*one) for one in ours] == [sys.platform != "linux"] * 3
        for one in ours:
            with bound_socket(*one) as listener:
                listener.listen()
    assert all(is_given(*one) for one in ours)


def is_given(host: str, port: int) -> bool:
    """Whether the system gives a port to a program that takes no care of others."""
    with socket.socket() as stranger:
        try:
            stranger.bind((host, port))
        except OSError:
            return False
        return True


def test_how_many_workers_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for count in ("0", str(4 * usable_cpus() + 1), "70000"):
        done = echocast("up", "--workers", count, "--data", str(tmp_path))
        assert done.returncode != 0
        assert "workers" in done.stderr
        assert "ports" not in done.stderr
        assert "Traceback" not in done.stderr
    done = echocast("up", "--data", str(tmp_path), ECHOCAST_WORKERS="0")
    assert done.returncode == REFUSED
    assert done.stderr.startswith("echocast: A setting is invalid: workers")
