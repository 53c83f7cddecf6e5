"""The Operations dashboard: does the service run, and where does it wait?"""

from __future__ import annotations

from deploy.grafana import promql
from deploy.grafana.operations_machine import (
    engine_panels,
    model_panels,
    stream_panels,
    worker_panels,
)
from deploy.grafana.operations_tiles import tiles
from deploy.grafana.page import choice, dashboard
from deploy.grafana.parts import GREEN, RED, Json, heading, lines, query, steps, text

HOW_TO_READ = """
### Does the service run?

Read the tiles first: **red is an alert**, and `deploy/runbook.md` has a paragraph for each by name.
Forecasts come late: *Queue* shows whether they wait, *Seconds by phase* where the time goes, *Jobs
in a launch* whether the device is used well. Forecasts are bad: open *Echocast: Skill* instead.
"""
THIRD = (8, 8)


def operations() -> Json:
    """The dashboard."""
    streams = f"label_values({promql.PIXELS}, stream)"
    panels = [
        text(HOW_TO_READ, 4),
        *tiles(),
        heading("Requests"),
        *request_panels(),
        heading("Jobs"),
        *job_panels(),
        heading("Workers and device"),
        *worker_panels(),
        heading("Engine and disk"),
        *engine_panels(),
        heading("Streams"),
        *stream_panels(),
        heading("Models and retraining"),
        *model_panels(),
    ]
    variables = [choice("stream", "Stream", streams, several=True)]
    return dashboard("echocast-operations", "Echocast: Operations", panels, variables, "now-6h")


def request_panels() -> list[Json]:
    """What callers see."""
    requests, seconds = "echocast_http_requests_total", "echocast_http_request_seconds"
    refused = promql.rate(f'{requests}{{status=~"4.."}}')
    failed = promql.rate(f'{requests}{{status=~"5.."}}')
    return [
        lines(
            "Requests",
            "Answered per second, by method and route, whatever the answer was.",
            [query(promql.rate(requests, "method, route"), "{{method}} {{route}}")],
            THIRD,
            "reqps",
            lowest=0,
        ),
        lines(
            "Errors",
            "Share of answers that were 5xx (ours) and 4xx (the caller's). 5xx above 1 % (dashed):"
            " look at the tiles. Many 422: somebody sends what breaks the input contract.",
            [
                query(f"({failed} or vector(0)) / {promql.rate(requests)}", "5xx"),
                query(f"({refused} or vector(0)) / {promql.rate(requests)}", "4xx"),
            ],
            THIRD,
            "percentunit",
            limits=steps(GREEN, 0.01, RED),
            lowest=0,
        ),
        lines(
            "Latency",
            "95 % of the answers of a route are faster; `Prefer: wait` counts as waiting.",
            [query(promql.quantile(0.95, seconds, "route"), "{{route}}")],
            THIRD,
            "s",
            lowest=0,
        ),
        lines(
            "Decoding of uploads",
            "Seconds to read an upload in a child process, waiting for a child included: half and"
            " 95 % are faster. High only at 95 %: raise ECHOCAST_DECODE_PROCESSES.",
            [
                query(promql.quantile(0.5, "echocast_decode_seconds", ""), "half"),
                query(promql.quantile(0.95, "echocast_decode_seconds", ""), "95 %"),
            ],
            (12, 7),
            "s",
            lowest=0,
        ),
        lines(
            "Decoding children replaced",
            "Per hour, by reason. Crashes and limits mean hostile or broken files: look at the"
            " gateway's log.",
            [
                query(
                    "sum by (role, reason)"
                    " (increase(echocast_decode_children_recycled_total[1h])) or vector(0)",
                    "{{role}} {{reason}}",
                )
            ],
            (12, 7),
            "short",
            lowest=0,
        ),
    ]


def job_panels() -> list[Json]:
    """From the queue to the forecast."""
    return [
        lines(
            "Queue",
            "Jobs that wait, and for how long the next one has (right axis). Dashed:"
            " EchocastQueueOld.",
            [
                query("max(echocast_queue_jobs)", "jobs"),
                query("max(echocast_queue_oldest_job_age_seconds)", "age of the next"),
            ],
            THIRD,
            "short",
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "age of the next"},
                    "properties": [
                        {"id": "unit", "value": "s"},
                        {"id": "custom.axisPlacement", "value": "right"},
                    ],
                }
            ],
            lowest=0,
        ),
        lines(
            "Jobs ended",
            "Per second, by how they ended. Zero while jobs wait: the workers hang.",
            [query(promql.rate("echocast_jobs_total", "status"), "{{status}}")],
            THIRD,
            "ops",
            lowest=0,
        ),
        lines(
            "Failures by reason",
            "In an hour. poison: ended its worker; out-of-memory; a rule's name: input that breaks"
            " the contract; internal: a defect, keep the log.",
            [
                query(
                    "sum by (type) (increase(echocast_job_errors_total[1h])) or vector(0)",
                    "{{type}}",
                )
            ],
            THIRD,
            "short",
            lowest=0,
        ),
        lines(
            "Seconds by phase",
            "95 % of the jobs spend less in a phase: queue (waits for a worker), load, prepare"
            " (motion), wait (for a launch), network, finish, write, verify.",
            [query(promql.quantile(0.95, "echocast_job_phase_seconds", "phase"), "{{phase}}")],
            (12, 8),
            "s",
            lowest=0,
        ),
        lines(
            "Jobs the janitor decided about",
            "Per hour: published again, lapsed (their worker died), poisoned, expired. Lapsed"
            " jobs: a worker was killed, look at its memory.",
            [
                query(
                    "sum by (decision) (increase(echocast_janitor_jobs_total[1h]))", "{{decision}}"
                )
            ],
            (12, 8),
            "short",
            lowest=0,
        ),
    ]
