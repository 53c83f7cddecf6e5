"""A real Prometheus over samples with their times; it scrapes nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from echocast.service.processes.readiness import stop_process
from tests.deploy.prometheus_files import program
from tests.ports import free_port
from tests.service.real_processes import eventually


@contextmanager
def prometheus_over(
    samples: Path, folder: Path, lookback: timedelta, answer_seconds: float = 120.0
) -> Iterator[httpx.Client]:
    """A Prometheus with samples, whatever their times.

    Args:
        samples: In the OpenMetrics text format.
        folder: For its files.
        lookback: For how long a sample is the newest.
        answer_seconds: Longest wait for one answer.
    """
    made = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1536h"]
    subprocess.run(
        [program("promtool"), *made, str(samples), str(folder / "tsdb")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{(port := free_port())}"
    (folder / "prometheus.yml").write_text("global: {}\n")
    started = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=10y",
        f"--query.lookback-delta={lookback.total_seconds():g}s",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(started, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=url, timeout=answer_seconds, trust_env=False) as client:
            eventually(lambda: client.get("/-/ready").status_code == 200)
            yield client
    finally:
        stop_process(process)
