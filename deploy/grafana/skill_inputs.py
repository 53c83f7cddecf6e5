"""Parts of the Skill dashboard: statistics of drift with their limits, and the health of input."""

from __future__ import annotations

from deploy.grafana import promql
from deploy.grafana.parts import (
    GREEN,
    GREY,
    RED,
    YELLOW,
    Json,
    fixed,
    lines,
    query,
    steps,
)

STREAM = 'stream="$stream"'
LEADS = 'lead_minutes=~"$lead"'


def drift_panels() -> list[Json]:
    """Charts, how far from alarm they are, and on how much they stand."""
    statistic = promql.one_of_all(
        f"echocast_stream_drift_statistic{{{STREAM}}}", "stream, series, chart"
    )
    limit = promql.one_of_all("echocast_stream_drift_limit", "series, chart")
    samples = promql.one_of_all(f"echocast_stream_drift_samples{{{STREAM}}}", "stream, series")
    floor = promql.one_of_all("echocast_stream_drift_sample_floor", "series")
    known = f"and on (stream, series) ({samples} >= on (series) group_left {floor})"
    return [
        lines(
            "Statistics of drift, as a share of their limit",
            "EWMA and CUSUM of each series; 100 % (dashed) alarms. They look at what weather does"
            " not move, block by block of six hours. A series below its floor of blocks is not"
            " drawn.",
            [
                query(
                    f"({statistic} / on (series, chart) group_left {limit}) {known}",
                    "{{series}} ({{chart}})",
                )
            ],
            (12, 9),
            "percentunit",
            limits=steps(GREEN, 1, RED),
        ),
        lines(
            "The same in their own units",
            "Solid: the statistic; dashed grey: the limits; the tooltip names whose.",
            [
                query(statistic, "{{series}} ({{chart}})"),
                query(f"{limit} < Inf", "limit of {{series}} ({{chart}})"),
            ],
            (6, 9),
            "none",
            overrides=[
                {
                    "matcher": {"id": "byRegexp", "options": "^limit.*"},
                    "properties": [
                        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}},
                        {"id": "custom.lineWidth", "value": 1},
                        {"id": "color", "value": fixed(GREY)},
                        {"id": "custom.hideFrom", "value": {"legend": True}},
                    ],
                }
            ],
        ),
        lines(
            "Blocks behind them, as a share of the floor",
            "Blocks of six hours with enough events. Below 100 % (dashed) a series tells nothing:"
            " wait for rain.",
            [query(f"{samples} / on (series) group_left {floor}", "{{series}}")],
            (6, 9),
            "percentunit",
            limits=steps(GREY, 1, GREEN),
            lowest=0,
        ),
    ]


def input_panels() -> list[Json]:
    """What comes in, over the last day of the stream's own time."""
    return [
        _input(
            "Missing pixels",
            "Share of pixels that the radar did not look at, over a day. A step up: coverage is"
            " lost, and scores are of other pixels than before.",
            "missing_share",
            "percentunit",
            steps(GREEN, 0.5, YELLOW, 0.9, RED),
            lowest=0,
        ),
        lines(
            "Frames that did not come",
            "Of a day's rhythm. Gaps of more than one frame make forecasts without the model. Set"
            " aside: frames that ended their workers, see EchocastFrameSetAside.",
            [
                query(promql.one_of_all(f"echocast_stream_{name}_frames{{{STREAM}}}", ""), words)
                for name, words in (("absent", "did not come"), ("set_aside", "set aside"))
            ],
            (6, 7),
            "short",
            limits=steps(GREEN, 1, YELLOW, 12, RED),
            lowest=0,
        ),
        _input(
            "Change of intensities (PSI)",
            "Population stability index of a day's reflectivity against the 30 days before. Above"
            " 0.2 the frames differ: recalibration or clutter, and also the first storm after dry"
            " weeks. Nothing: there are no 30 days yet.",
            "dbz_stability_index",
            "none",
            steps(GREEN, 0.2, YELLOW, 0.5, RED),
            lowest=0,
        ),
        _input(
            "95th percentile of echoes",
            "Reflectivity that 95 % of a day's pixels with echo do not reach. All days higher or"
            " lower from one moment on: the radar was recalibrated.",
            "dbz_percentile_95",
            "dBZ",
        ),
        _input(
            "Speed of the rain",
            "Mean speed of the rain between the two newest frames: fast rain is hard to forecast,"
            " for all methods alike.",
            "mean_speed_metres_per_second",
            "velocityms",
            lowest=0,
        ),
        _input(
            "Delay of frames",
            "From the time a frame depicts to its arrival. What is late here is late in every"
            " forecast.",
            "delay_seconds",
            "s",
            steps(GREEN, 600, YELLOW, 1800, RED),
        ),
        lines(
            "Counts that were corrected",
            "Frames that were replaced and scored again. Many: somebody sends every frame twice.",
            [query(promql.increase(f"echocast_stream_corrections_total{{{STREAM}}}"), "corrected")],
            (6, 7),
            "short",
            lowest=0,
        ),
        lines(
            "Forecasts compared with a frame",
            "By what made them. Nothing for hours while frames come: EchocastVerificationStalled.",
            [
                query(
                    promql.increase(
                        f"echocast_stream_verified_forecasts_total{{{STREAM}, {LEADS}}}", "role"
                    ),
                    "{{role}}",
                )
            ],
            (6, 7),
            "short",
            lowest=0,
        ),
    ]


def _input(
    title: str,
    description: str,
    gauge: str,
    unit: str,
    limits: Json | None = None,
    lowest: float | None = None,
) -> Json:
    name = f"echocast_stream_{gauge}{{{STREAM}}}"
    shown = query(promql.one_of_all(name, "stream"), "{{stream}}")
    return lines(title, description, [shown], (6, 7), unit, limits=limits, lowest=lowest)
