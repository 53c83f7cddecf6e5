"""The first line of the Skill dashboard; a figure of too few events is grey and shows their n."""

from __future__ import annotations

from deploy.grafana import promql
from deploy.grafana.parts import GREEN, GREY, RED, YELLOW, Json, fixed, override, query, steps, tile

N = "pixels n"
ALARMS = {
    "skill_drift": "the model (SkillDrift)",
    "bias_shift": "its bias (BiasShift)",
    "input_fault": "the input (InputFault)",
    "seasonal_drift": "the season (SeasonalDrift)",
}


def tiles() -> list[Json]:
    """The state at one glance."""
    n = promql.events("model")
    numbers = {N: n, "blocks n": promql.blocks(), "storms n": promql.storms()}
    n_of_all = [query(expression, name) for name, expression in numbers.items()]
    grey = [override(name, color=fixed(GREY), unit="short", decimals=0) for name in numbers]
    return [
        tile(
            "Alarms",
            "What the statistics of drift say of this stream. Red: open deploy/runbook.md at the"
            " alert of that name. Grey: nothing is known of the stream yet.",
            [query(_alarm(alert), "{{alert}}") for alert in ALARMS],
            "none",
            steps(GREEN, 1, RED),
            width=6,
            text="value_and_name",
            words={"0": ("quiet", GREEN), "1": ("ALARM", RED)},
            overrides=[override(alert, displayName=words) for alert, words in ALARMS.items()],
        ),
        tile(
            "Paired skill of the model",
            "Share of the way from the reference's CSI to a perfect one. 0: as good as decoded"
            " extrapolation, 1: perfect, below 0: worse than it. Weather hardly moves it. Grey n/a:"
            " pixels, blocks of six hours or storms are below their floors.",
            [query(promql.or_grey(promql.paired_skill(), n), "paired skill"), *n_of_all],
            "none",
            steps(RED, -0.05, YELLOW, 0, GREEN),
            text="value_and_name",
            decimals=3,
            overrides=grey,
            width=5,
        ),
        tile(
            "Frequency bias of the model",
            "Events forecast per event observed; 1 is unbiased, up to 2 is normal for the warning"
            " product at high thresholds. A jump is the earliest sign of drift. Grey n/a:"
            " pixels, blocks of six hours or storms are below their floors.",
            [query(promql.or_grey(promql.frequency_bias("model"), n), "bias"), *n_of_all],
            "none",
            steps(RED, 0.3, YELLOW, 0.6, GREEN, 2, YELLOW, 3, RED),
            text="value_and_name",
            decimals=2,
            overrides=grey,
            width=5,
        ),
        tile(
            "Forecasts without the model",
            "Share of the served forecasts that were made by extrapolation because frames were"
            " missing. They do not count for the model.",
            [query(_without_model(), "share"), query(_compared(), "forecasts n")],
            "percentunit",
            steps(GREEN, 0.1, YELLOW, 0.5, RED),
            text="value_and_name",
            overrides=[override("forecasts n", color=fixed(GREY), unit="short", decimals=0)],
        ),
        tile(
            "Serves since",
            "The champion: the model whose forecasts are served, and when it began to.",
            [
                query(
                    promql.one_of_all(
                        "echocast_registry_champion_since_timestamp_seconds * 1000", "name, version"
                    ),
                    "{{name}}/{{version}}",
                )
            ],
            "dateTimeFromNow",
            steps(GREY),
            text="value_and_name",
        ),
    ]


def _alarm(alert: str) -> str:
    labels = f'stream="$stream", alert="{alert}"'
    return promql.one_of_all(f"echocast_stream_drift_alert{{{labels}}}", "alert")


def _compared() -> str:
    roles = 'stream="$stream", lead_minutes=~"$lead", role=~"model|fallback"'
    return promql.increase(f"echocast_stream_verified_forecasts_total{{{roles}}}")


def _without_model() -> str:
    fallback = 'stream="$stream", lead_minutes=~"$lead", role="fallback"'
    made = promql.increase(f"echocast_stream_verified_forecasts_total{{{fallback}}}")
    return promql.or_grey(f"({made} / ({_compared()} > 0))", "vector(1)")
