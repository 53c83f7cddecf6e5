"""Parts of the Operations dashboard: workers, device, engine, disk, streams, models."""

from __future__ import annotations

from deploy.grafana import promql
from deploy.grafana.parts import GREEN, RED, YELLOW, Json, lines, query, steps
from deploy.grafana.skill_tables import models_served

QUARTER, THIRD = (6, 8), (8, 8)
STREAMS = 'stream=~"$stream"'


def worker_panels() -> list[Json]:
    """Who works, on what, how well filled."""
    used, total = (f"echocast_worker_device_memory_{name}_bytes" for name in ("used", "total"))
    return [
        lines(
            "Workers",
            "Alive, and seconds since the last sign of life of the one heard last and of the one"
            " silent longest (right axis). A rising oldest: one worker died.",
            [
                query("max(echocast_workers_alive)", "alive"),
                query(
                    promql.one_of_all("echocast_worker_heartbeat_age_seconds", "worker"),
                    "{{worker}} sign of life",
                ),
            ],
            THIRD,
            "short",
            overrides=[
                {
                    "matcher": {"id": "byRegexp", "options": ".*sign of life"},
                    "properties": [
                        {"id": "unit", "value": "s"},
                        {"id": "custom.axisPlacement", "value": "right"},
                    ],
                }
            ],
            lowest=0,
        ),
        lines(
            "Jobs in a launch (batch size)",
            "Mean, and what 95 % of the launches stay below. 1 under load: jobs have different"
            " shapes or models, or ECHOCAST_BATCH_COST is too small.",
            [
                query(promql.mean("echocast_launch_items"), "mean"),
                query(promql.quantile(0.95, "echocast_launch_items", ""), "95 %"),
            ],
            THIRD,
            "short",
            lowest=0,
        ),
        lines(
            "Seconds of a launch",
            "Of the network, all jobs of the launch together: half and 95 % are faster.",
            [
                query(promql.quantile(0.5, "echocast_launch_seconds", ""), "half"),
                query(promql.quantile(0.95, "echocast_launch_seconds", ""), "95 %"),
            ],
            THIRD,
            "s",
            lowest=0,
        ),
        lines(
            "Memory of the device",
            "Used of what there is: by all on a GPU, by each worker on a CPU. Near 100 %: launches"
            " are halved, then jobs fail with out-of-memory.",
            [
                query(
                    f"sum by (instance, device) ({used}) / sum by (instance, device) ({total})",
                    "{{device}} {{instance}}",
                )
            ],
            THIRD,
            "percentunit",
            limits=steps(GREEN, 0.9, RED),
            lowest=0,
            highest=1,
        ),
        lines(
            "Launches that were halved",
            "Per hour, by reason: out of memory, or an item that fails in company.",
            [query("sum by (reason) (increase(echocast_launch_splits_total[1h]))", "{{reason}}")],
            THIRD,
            "short",
            lowest=0,
        ),
        lines(
            "Fast paths refused",
            "Fast forms of a network whose answers were not the plain ones' when it was loaded."
            " Forecasts are right, but slower than they could be.",
            [query("sum(increase(echocast_worker_fast_path_refused_total[1d]))", "in a day")],
            THIRD,
            "short",
            lowest=0,
        ),
    ]


def engine_panels() -> list[Json]:
    """Redis or Valkey, and the archive's disk."""
    return [
        lines(
            "Memory of the engine",
            "Of the engine's data; the dashed line is the limit at which it refuses to write, and"
            " new jobs are answered 503.",
            [
                query("max(echocast_engine_memory_used_bytes)", "used"),
                query("max(echocast_engine_memory_limit_bytes)", "limit"),
            ],
            QUARTER,
            "bytes",
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "limit"},
                    "properties": [
                        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}}
                    ],
                }
            ],
            lowest=0,
        ),
        lines(
            "Engine up for",
            "A fall to zero is a restart; nothing that was accepted is lost.",
            [query("max(echocast_engine_uptime_seconds)", "up")],
            QUARTER,
            "s",
            lowest=0,
        ),
        lines(
            "Engine answers and writes",
            "1: yes. Below 1: EchocastEngineDown or EchocastEngineNotDurable.",
            [
                query("max(echocast_engine_reachable)", "answers"),
                query("min(echocast_engine_persistence_ok)", "writes to disk"),
            ],
            QUARTER,
            "none",
            lowest=0,
            highest=1,
        ),
        lines(
            "Disk",
            "Free on the archive's disk, and the floor below which work is refused.",
            [
                query("min(echocast_disk_free_bytes)", "free"),
                query("max(echocast_disk_floor_bytes)", "floor"),
            ],
            QUARTER,
            "bytes",
            lowest=0,
        ),
    ]


def stream_panels() -> list[Json]:
    """How fresh everything is."""
    step = promql.one_of_all(f"echocast_stream_step_seconds{{{STREAMS}}}", "stream")

    def in_steps(gauge: str) -> str:
        name = f"echocast_stream_{gauge}_seconds{{{STREAMS}}}"
        return f"{promql.one_of_all(name, 'stream')} / {step}"

    return [
        lines(
            "Silence of streams (stale frames)",
            "Since the newest frame was received, in steps of the stream. 3 (dashed):"
            " EchocastStreamStale.",
            [query(in_steps("silence"), "{{stream}}")],
            THIRD,
            "none",
            limits=steps(GREEN, 3, RED),
            lowest=0,
        ),
        lines(
            "Age of the newest forecast",
            "Since it was issued, in steps of the stream. Rising while frames come: look at the"
            " queue and at failures.",
            [query(in_steps("forecast_age"), "{{stream}}")],
            THIRD,
            "none",
            limits=steps(GREEN, 3, RED),
            lowest=0,
        ),
        lines(
            "Pixels verified",
            "Per second, of jobs that brought observations with them, all methods.",
            [query(promql.rate("echocast_verification_pixels_total", "method"), "{{method}}")],
            THIRD,
            "short",
            lowest=0,
        ),
    ]


def model_panels() -> list[Json]:
    """Which model serves, and whether new ones come."""
    verdict = promql.one_of_all("echocast_retrain_last_verdict_timestamp_seconds", "verdict")
    return [
        models_served(),
        lines(
            "Model swaps",
            "In six hours, by outcome. Refused: EchocastSwapFailed, a worker serves the old model.",
            [
                query(
                    "sum by (outcome) (increase(echocast_worker_model_swaps_total[6h]))",
                    "{{outcome}}",
                )
            ],
            THIRD,
            "short",
            lowest=0,
        ),
        lines(
            "History of the registry",
            "Entries by kind: promotions, rollbacks, retrainings and their verdicts.",
            [query(promql.one_of_all("echocast_registry_history_entries", "what"), "{{what}}")],
            THIRD,
            "short",
            lowest=0,
        ),
        lines(
            "Last verdict on a retraining",
            "Time since, as a multiple of the interval between trainings. 2 (dashed):"
            " EchocastRetrainOverdue. Nothing: none was judged yet, or trainings are off.",
            [
                query(
                    f"(time() - ({verdict} > 0))"
                    " / scalar(max(echocast_retrain_interval_seconds) > 0)",
                    "{{verdict}}",
                )
            ],
            (12, 8),
            "none",
            limits=steps(GREEN, 1, YELLOW, 2, RED),
            lowest=0,
        ),
        lines(
            "Retraining runs",
            "1 while one runs. At 1 for ever: it hangs, look at the trainer's log.",
            [query("max(echocast_retrain_running)", "runs")],
            (12, 8),
            "none",
            lowest=0,
            highest=1,
        ),
    ]
