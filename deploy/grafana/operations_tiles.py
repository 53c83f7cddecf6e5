"""The first line of the Operations dashboard: what an alert would say, as it is now."""

from __future__ import annotations

from deploy.grafana.parts import GREEN, GREY, RED, YELLOW, Json, query, steps, tile


def tiles() -> list[Json]:
    """The state at one glance."""
    return [
        tile(
            "Alerts that fire",
            "All alerts of Echocast; their names are in Prometheus under Alerts.",
            [query('count(ALERTS{alertname=~"Echocast.*", alertstate="firing"}) or vector(0)')],
            "none",
            steps(GREEN, 1, RED),
        ),
        tile(
            "Workers",
            "Workers with a sign of life that is still good. 0: EchocastNoWorker.",
            [query("max(echocast_workers_alive)")],
            "none",
            steps(RED, 1, GREEN),
        ),
        tile(
            "Engine",
            "Whether Redis or Valkey answers, and whether what it accepts survives its death."
            " Down: EchocastEngineDown, EchocastEngineNotDurable.",
            [
                query("max(echocast_engine_reachable)", "answers"),
                query("min(echocast_engine_persistence_ok)", "writes to disk"),
            ],
            "none",
            steps(RED, 1, GREEN),
            text="value_and_name",
            words={"0": ("NO", RED), "1": ("yes", GREEN)},
        ),
        tile(
            "Next job waits for",
            "Age of the job at the head of the queue; 0: none waits. Red: EchocastQueueOld.",
            [query("max(echocast_queue_oldest_job_age_seconds)")],
            "s",
            steps(GREEN, 30, YELLOW, 120, RED),
        ),
        tile(
            "Disk above its floor",
            "Free space as a multiple of the floor below which work is refused. Red:"
            " EchocastDiskLow.",
            [query("min(echocast_disk_free_bytes) / max(echocast_disk_floor_bytes)", "x floor")],
            "none",
            steps(RED, 2, YELLOW, 5, GREEN),
            decimals=1,
        ),
        tile(
            "Jobs that failed",
            "Failed or expired, as a share of the jobs that ended in 15 minutes; n below. Red:"
            " EchocastJobsFail. Grey: none ended.",
            [
                query(
                    'sum(increase(echocast_jobs_total{status=~"failed|expired"}[15m]))'
                    " / sum(increase(echocast_jobs_total[15m]))",
                    "share",
                ),
                query("sum(increase(echocast_jobs_total[15m]))", "jobs n"),
            ],
            "percentunit",
            steps(GREEN, 0.01, YELLOW, 0.05, RED),
            text="value_and_name",
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "jobs n"},
                    "properties": [
                        {"id": "unit", "value": "short"},
                        {"id": "decimals", "value": 0},
                        {"id": "color", "value": {"mode": "fixed", "fixedColor": GREY}},
                    ],
                }
            ],
        ),
    ]
