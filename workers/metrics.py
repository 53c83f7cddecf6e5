"""Metrics of a worker for Prometheus: base units, no ids as labels, counts instead of ratios."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector

from echocast import __version__
from echocast.model.errors import is_out_of_memory
from echocast.workers.jobs.job import Sweep

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
ITEMS = (1, 2, 4, 8, 16, 32)
ENDS = ("succeeded", "failed", "expired")
PHASES = ("queue", "load", "prepare", "wait", "network", "finish", "write", "verify", "total")
SHORTAGES = ("out-of-memory", "no-file-handles", "disk-full")
SWAPS = ("swapped", "refused")
OUTCOMES = ("hits", "misses", "false_alarms", "correct_negatives")


def build_info(registry: CollectorRegistry | None = None) -> Gauge:
    """The software that a process runs, as labels of a 1; like that of other exporters."""
    info = Gauge(
        "echocast_build_info",
        "1, with the versions of Echocast and of Python that run.",
        ("version", "python_version"),
        registry=registry,
    )
    info.labels(__version__, platform.python_version()).set(1)
    return info


class WorkerMetrics:
    """The metrics of one worker, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build_info(self.registry)
        self.jobs = self._counter("jobs", "Jobs this worker ended.", "status")
        self.errors = self._counter("job_errors", "Jobs that failed here, by reason.", "type")
        self.shortages = self._counter(
            "job_shortages", "Jobs given back because the worker was short of it.", "type"
        )
        self.phases = Histogram(
            "echocast_job_phase_seconds",
            "Seconds of a job's phases.",
            ["phase"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.launches = Histogram(
            "echocast_launch_seconds",
            "Seconds of a launch of the network.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.launch_items = Histogram(
            "echocast_launch_items",
            "Jobs in a launch.",
            buckets=ITEMS,
            registry=self.registry,
        )
        self.splits = self._counter("launch_splits", "Launches that were halved.", "reason")
        self.swept = self._counter("janitor_jobs", "Jobs the janitor decided about.", "decision")
        self.fast_paths_refused = self._counter(
            "worker_fast_path_refused",
            "Fast forms of a network that disagreed with it when it was loaded.",
        )
        self.swaps = self._counter(
            "worker_model_swaps", "Changes of the model that serves.", "outcome"
        )
        self.models = Gauge(
            "echocast_worker_model_info",
            "1 for every model that this worker serves.",
            ["role", "name", "version"],
            registry=self.registry,
        )
        self.scores = self._counter(
            "verification_pixels",
            "Verified pixels by contingency class; lead counts forecast frames from 1.",
            "method",
            "threshold_dbz",
            "lead",
            "outcome",
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Every known label is there from the beginning, so that rates include the first event."""
        for status in ENDS:
            self.jobs.labels(status)
        for kind in SHORTAGES:
            self.shortages.labels(kind)
        for phase in PHASES:
            self.phases.labels(phase)
        for outcome in SWAPS:
            self.swaps.labels(outcome)
        for reason in ("out-of-memory", "exception"):
            self.splits.labels(reason)
        self.on_sweep(Sweep((), (), (), 0, 0, 0))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"echocast_{name}", text, labels, registry=self.registry)

    def serve(self, port: int, host: str) -> None:
        """Serve the metrics over HTTP from a thread of its own."""
        start_http_server(port, host, self.registry)

    def on_end(self, status: str, timings: Mapping[str, float]) -> None:
        """A job ended here."""
        self.jobs.labels(status).inc()
        for phase, seconds in timings.items():
            self.phases.labels(phase).observe(seconds)

    def on_launch(self, items: int, seconds: float) -> None:
        """The network ran."""
        self.launch_items.observe(items)
        self.launches.observe(seconds)

    def on_split(self, error: Exception) -> None:
        """A launch failed and is halved."""
        reason = "out-of-memory" if is_out_of_memory(error) else "exception"
        self.splits.labels(reason).inc()

    def on_sweep(self, sweep: Sweep) -> None:
        """The janitor swept."""
        self.swept.labels("published").inc(len(sweep.publish) - sweep.lapsed)
        self.swept.labels("lapsed").inc(sweep.lapsed)
        self.swept.labels("poisoned").inc(sweep.poisoned)
        self.swept.labels("expired").inc(sweep.expired)

    def on_scores(self, scores: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> None:
        """A forecast was scored; where it was before, only what is new counts."""
        before = _counts(earlier) if earlier else {}
        for labels, count in _counts(scores).items():
            if count > before.get(labels, 0):
                self.scores.labels(*labels).inc(count - before.get(labels, 0))


def _counts(scores: Mapping[str, Any]) -> dict[tuple[str, str, str, str], int]:
    """(method, threshold, lead, outcome) -> pixels."""
    return {
        (method, threshold, str(lead), outcome): table[outcome]
        for method, thresholds in scores["methods"].items()
        for threshold, rows in thresholds.items()
        for lead, table in enumerate(rows["leads"], start=1)
        for outcome in OUTCOMES
    }
