"""What `echocast prometheus` prints: a real Prometheus scrapes a real `echocast up` by it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from echocast.service.errors import StartRefused
from echocast.service.metrics import prometheus as configured
from echocast.service.metrics.prometheus import configuration
from tests.deploy.prometheus_files import program, rules
from tests.deploy.watched import prometheus_with
from tests.patience import PATIENCE_SECONDS
from tests.service.processes.test_up import CLI, service
from tests.service.real_processes import place


def printed(*options: str) -> str:
    command = [*CLI, "prometheus", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def test_promtool_accepts_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(printed("--key-file", str(tmp_path / "key")))
    command = [program("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == 2  # files
    assert "credentials_file" in (tmp_path / "prometheus.yml").read_text()


def test_a_real_prometheus_scrapes_a_real_service_by_it(models: Path, tmp_path: Path) -> None:
    with place(models) as where, service(where) as (_, client):
        port = str(httpx.URL(client.base_url).port)
        with prometheus_with(tmp_path, printed("--port", port)) as watching:
            watching.await_scrapes(1)
            names = watching.names()
            groups = watching.get("rules")["groups"]
    assert {"echocast_build_info", "echocast_workers_alive", "echocast_jobs_total"} <= names
    assert {rule["name"] for group in groups for rule in group["rules"]} == {
        rule["alert"] for rule in rules()
    }


def test_without_the_rules_it_says_where_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(configured, "__file__", str(tmp_path / "prometheus.py"))
    with pytest.raises(StartRefused, match="deploy/prometheus/rules"):
        configuration("127.0.0.1:8000")
