"""The lead x threshold map and the reliability of probabilities: panels of one moment."""

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
    panel,
    query,
    steps,
)
from echocast.model.plotting.methods import COLOURS

CELL = "lead_minutes, threshold_dbz"
CLASS = "probability"
OF_STREAM = 'stream="$stream"'


def heat_map() -> Json:
    """Paired skill of the model by lead time and threshold."""
    return panel(
        "table",
        "Paired skill by lead time (rows, minutes) and threshold (columns, dBZ)",
        "Green: the model beats decoded extrapolation; red: it loses. A grey cell has less than"
        " the floors. Over the window chosen above, ending at the end of the range.",
        [query(promql.paired_skill(where=OF_STREAM, by=CELL, of="threshold_dbz"), table=True)],
        (12, 9),
        "none",
        defaults={
            "thresholds": steps(RED, -0.05, "light-red", 0, "light-green", 0.05, GREEN),
            "color": {"mode": "thresholds"},
            "decimals": 3,
            "custom": {"align": "center", "cellOptions": {"type": "color-background"}},
        },
        overrides=[
            override(
                "lead_minutes\\threshold_dbz",
                displayName="lead in minutes",
                unit="none",
                decimals=0,
                color=fixed("text"),
                custom__cellOptions={"type": "auto"},
            )
        ],
        options={"showHeader": True, "cellHeight": "sm"},
        transformations=[
            _numbers("lead_minutes"),
            _numbers("threshold_dbz"),
            _sorted("threshold_dbz"),
            _sorted("lead_minutes"),
            {
                "id": "groupingToMatrix",
                "options": {
                    "rowField": "lead_minutes",
                    "columnField": "threshold_dbz",
                    "valueField": "Value",
                    "emptyValue": "null",
                },
            },
        ],
    )


def probability_pixels() -> tuple[str, str]:
    """By class of probability: pixels it was forecast for, and those where it came."""
    all_of_them, exceeded = (
        promql.increase(f"echocast_stream_probability_{name}_total{{{promql.AT_THRESHOLD}}}", CLASS)
        for name in ("pixels", "exceeded_pixels")
    )
    return all_of_them, exceeded


def reliability() -> Json:
    """How often it rained so, by the probability that was forecast."""
    pixels, exceeded = probability_pixels()
    return panel(
        "barchart",
        "Reliability: of what was called x % likely, how much came",
        "Blue: observed frequency; grey: the probability that was forecast, where blue should"
        " reach. Blue below grey: the model warns too often, above: too seldom. All lead times; no"
        " bar: fewer pixels than the floor.",
        [
            query(f"{exceeded} / ({pixels} >= {promql.FLOOR})", table=True),
            query(promql.one_of_all("echocast_stream_probability_class", CLASS), table=True),
        ],
        (12, 9),
        "percentunit",
        defaults={"min": 0, "max": 1, "custom": {"fillOpacity": 80, "lineWidth": 1}},
        overrides=[
            override("Value #A", displayName="observed frequency", color=fixed(COLOURS["model"])),
            override("Value #B", displayName="forecast probability", color=fixed(GREY)),
        ],
        options={
            "xField": "probability",
            "showValue": "never",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        },
        transformations=[
            {"id": "joinByField", "options": {"byField": "probability", "mode": "outer"}},
            _sorted("probability"),
            {
                "id": "filterFieldsByName",
                "options": {"include": {"pattern": "^(probability|Value.*)$"}},
            },
        ],
    )


def unreliability() -> Json:
    """How far probabilities are from what came, over time."""
    pixels, exceeded = probability_pixels()
    middle = promql.one_of_all("echocast_stream_probability_class", CLASS)
    return lines(
        "Distance from reliability",
        "Mean distance between the probability that was forecast and how often it came. A rise"
        " that stays: recalibrate by a retraining.",
        [
            query(
                f"sum(abs({exceeded} - {pixels} * on ({CLASS}) {middle}))"
                f" / (sum({pixels}) >= {promql.FLOOR})",
                "mean distance",
            )
        ],
        (6, 9),
        "percentunit",
        lowest=0,
    )


def models_served() -> Json:
    """Which model each worker serves, in which role."""
    return panel(
        "table",
        "Models served (workers by role)",
        "How many workers serve which model in which role. Two champions at once: a worker refused"
        " the swap, see EchocastSwapFailed.",
        [query("sum by (role, name, version) (echocast_worker_model_info)", table=True)],
        (8, 8),
        "short",
        defaults={"thresholds": steps(YELLOW, 1, GREEN)},
        options={"showHeader": True, "cellHeight": "sm"},
        transformations=[
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "renameByName": {"Value": "workers"},
                },
            }
        ],
    )


def _numbers(field: str) -> Json:
    conversions = [{"targetField": field, "destinationType": "number"}]
    return {"id": "convertFieldType", "options": {"conversions": conversions}}


def _sorted(field: str) -> Json:
    return {"id": "sortBy", "options": {"sort": [{"field": field, "desc": False}]}}
