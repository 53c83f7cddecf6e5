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
    override,
    query,
    steps,
)
from echocast.model.plotting.methods import COLOURS

SERIES = {  # words, and the colour
    "against_canary": ("THE MODEL against the canary", COLOURS["model"]),
    "skill": ("THE MODEL against the reference", COLOURS["decoded_extrapolation"]),
    "bias": ("its frequency bias", "#B877D9"),
    "reliability": ("its reliability", "#CA95E5"),
    "coverage": ("radar: missing frames and pixels", "#F2495C"),
    "standing_echo": ("radar: echoes that stand still (clutter)", "#FF9830"),
    "weakest_echoes": ("radar: weakest echoes (recalibration)", "#73BF69"),
    "intensities": ("radar: intensities (PSI)", "#96D98D"),
    "weather": ("how hard the weather is", GREY),
}
SLOW = {"custom__lineStyle": {"fill": "dash", "dash": [8, 8]}}
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
    words = [
        override(f"{name} ({chart})", displayName=says + slow, color=fixed(colour), **look)
        for name, (says, colour) in SERIES.items()
        for chart, slow, look in (("cusum", "", {}), ("ewma", ", EWMA", SLOW))
    ]
    known = f"and on (stream, series) ({samples} >= on (series) group_left {floor})"
    return [
        lines(
            "Statistics of drift, as a share of their limit",
            "How sure it is that something changed: 100 % (dashed) alarms, 0 % is nothing. Weather"
            " does not move them. Both lines of THE MODEL: roll back. Only that against the"
            " reference: the season, retrain. A line of the radar: mend the input first, it moves"
            " all others. CUSUM, and EWMA where it says so, of blocks of six hours.",
            [
                query(
                    f"({statistic} / on (series, chart) group_left {limit}) {known}",
                    "{{series}} ({{chart}})",
                )
            ],
            (12, 11),
            "percentunit",
            limits=steps(GREEN, 1, RED),
            overrides=words,
            lowest=0,
        ),
        lines(
            "The same in their own units",
            "Solid: the statistic; dashed grey: the limits; the tooltip names whose.",
            [
                query(statistic, "{{series}} ({{chart}})"),
                query(f"{limit} < Inf", "limit of {{series}} ({{chart}})"),
            ],
            (6, 11),
            "none",
            overrides=[
                *words,
                {
                    "matcher": {"id": "byRegexp", "options": "^limit.*"},
                    "properties": [
                        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}},
                        {"id": "custom.lineWidth", "value": 1},
                        {"id": "color", "value": fixed(GREY)},
                        {"id": "custom.hideFrom", "value": {"legend": True}},
                    ],
                },
            ],
        ),
        lines(
            "Blocks behind them, as a share of the floor",
            "Blocks of six hours with enough events. Below 100 % (dashed) a series tells nothing:"
            " wait for rain. Drawn up to 200 %.",
            [query(f"clamp_max({samples} / on (series) group_left {floor}, 2)", "{{series}}")],
            (6, 11),
            "percentunit",
            limits=steps(GREY, 1, GREEN),
            overrides=[override(name, displayName=says) for name, (says, _) in SERIES.items()],
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
            "Change of intensities in a day (PSI)",
            "Population stability index of a day's reflectivity against the 30 days before. One day"
            " of other weather reaches 1 and more; only where it stays high, or the alarm of the"
            " input says so, is it the radar. Nothing: there are no 30 days yet.",
            "dbz_stability_index",
            "none",
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
