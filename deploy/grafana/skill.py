"""The Skill dashboard: did the model get worse, or the weather harder?"""

from __future__ import annotations

from deploy.grafana import promql
from deploy.grafana.page import block, choice, dashboard, window
from deploy.grafana.parts import (
    GREEN,
    GREY,
    RED,
    Json,
    fixed,
    heading,
    lines,
    override,
    query,
    steps,
    text,
)
from deploy.grafana.skill_inputs import drift_panels, input_panels
from deploy.grafana.skill_tables import heat_map, reliability, unreliability
from deploy.grafana.skill_tiles import tiles
from echocast.model.plotting.methods import COLOURS

OURS = ("model", "challenger", "canary")
REFERENCE = "decoded_extrapolation"
METHODS = (*OURS, REFERENCE, "extrapolation", "persistence")
MOST_SHOWN = 2  # times a floor: what is far above it hides what is near
SLOWEST = "1h"  # between two points that each cover days
LOOKS = [
    override(
        "model",
        displayName="THE MODEL (serves)",
        color=fixed(COLOURS["model"]),
        custom__lineWidth=5,
    ),
    override(
        "decoded_extrapolation",
        displayName="the reference: decoded extrapolation",
        color=fixed(COLOURS["decoded_extrapolation"]),
        custom__lineWidth=2,
    ),
    override(
        "canary",
        displayName="the canary: our first model, frozen",
        color=fixed(COLOURS["canary"]),
        custom__lineWidth=2,
        custom__lineStyle={"fill": "dash", "dash": [8, 8]},
    ),
    override(
        "challenger",
        displayName="the challenger: in the shadow, serves nobody",
        color=fixed(COLOURS["challenger"]),
        custom__lineWidth=2,
    ),
    override(
        "extrapolation",
        displayName="raw extrapolation",
        color=fixed(COLOURS["extrapolation"]),
        custom__lineWidth=1,
    ),
    override(
        "persistence",
        displayName="persistence: nothing moves",
        color=fixed(COLOURS["persistence"]),
        custom__lineWidth=1,
        custom__lineStyle={"fill": "dot", "dash": [2, 6]},
    ),
]
HOW_TO_READ = """
### Did the model get worse, or is the weather hard?

**The thick blue line is THE MODEL that serves.** The orange line is the reference, extrapolation
of the same frames, scored on the same pixels; the dashed one is the canary, our first model, never
changed. Hard weather moves all lines together: nothing to do. Drift moves the blue line alone.
Upright lines: a model began to serve, the service started, or an alert fired.

| model (blue) | reference (orange) | paired skill | bias | inputs | it is | do |
|---|---|---|---|---|---|---|
| down | down | flat | flat | normal | a hard day | nothing |
| **down** | flat | **down** | shifts | normal | **the model** | roll back, see below |
| down | down | any | shifts | **not normal** | the radar | mend the input |
| flat | flat | slowly down | drifts | slowly off | the season | retrain |

**The model:** where the dashed canary stays above the blue line, go back:
`echocast rollback --why REASON`; where both fall, `echocast retrain`. The tile *Alarms* judges
this by statistics; `deploy/runbook.md` has a paragraph for each alarm. **A grey n/a has too few
events, six-hour blocks or storms to tell: wait.** Each point covers the window chosen above; long
leads and 50 dBZ have few events. A pink line is a challenger: it forecasts a share of the frames
and nobody is given what it says; where it stays above the blue line: `echocast promote`.
"""


def skill() -> Json:
    """The dashboard."""
    variables = [
        choice("stream", "Stream", f"label_values({promql.PIXELS}, stream)"),
        choice(
            "threshold",
            "Threshold in dBZ",
            f"label_values({promql.PIXELS}, threshold_dbz)",
            first="30",
        ),
        choice(
            "lead",
            "Lead time in minutes",
            f'label_values({promql.PIXELS}{{stream="$stream"}}, lead_minutes)',
            several=True,
        ),
        window("7d"),
        block(),
    ]
    panels = [
        text(HOW_TO_READ, 11),
        *tiles(),
        heading("Skill: thick blue is THE MODEL"),
        five_methods(),
        paired(),
        heat_map(),
        bias(),
        reliability(),
        unreliability(),
        number_of_events(),
        heading("Drift: what the alarms are based on"),
        *drift_panels(),
        heading("Input health: is it the radar?"),
        *input_panels(),
    ]
    slow = [one | {"interval": SLOWEST} if "$window" in str(one) else one for one in panels]
    return dashboard("echocast-skill", "Echocast: Skill", slow, variables, "now-30d")


def five_methods() -> Json:
    """All methods on one axis."""
    return lines(
        "CSI of the model and of what it is compared with",
        "Critical success index, hits / (hits + misses + false alarms), at the threshold and lead"
        " times chosen above, all methods on the same pixels. Thick blue is THE MODEL. Weather"
        " moves all lines; a fall of the blue line alone is drift. A challenger is scored in its"
        " share of the frames only: compare it by paired skill. Gaps: less than the floors.",
        [query(promql.critical_success_index(method), method) for method in METHODS],
        (15, 11),
        "none",
        overrides=LOOKS,
        lowest=0,
        decimals=2,
    )


def paired() -> Json:
    """The difference that weather does not make."""
    return lines(
        "Paired skill against the reference",
        "(CSI - CSI_ref) / (1 - CSI_ref) against decoded extrapolation. Above 0 (dashed) the model"
        " is better. Falls of the model alone: go back to the last model. Falls of both: the input"
        " or the climate changed. A challenger that stays above the model may be promoted.",
        [query(promql.paired_skill(method), method) for method in OURS],
        (9, 11),
        "none",
        limits=steps(RED, 0, GREEN),
        overrides=LOOKS,
        decimals=3,
    )


def bias() -> Json:
    """More or less rain than observed."""
    return lines(
        "Frequency bias",
        "Events forecast per event observed; 1 is unbiased. The model's level differs by threshold;"
        " look for jumps at annotations and for the canary beside it.",
        [query(promql.frequency_bias(method), method) for method in (*OURS, REFERENCE)],
        (12, 9),
        "none",
        limits=steps(RED, 0.5, GREEN, 2, RED),
        overrides=LOOKS,
        lowest=0,
        decimals=2,
    )


def number_of_events() -> Json:
    """On how much the lines stand."""
    return lines(
        "What the lines stand on (n), as a share of the floors",
        "Pixels that the model hit, missed or falsely alarmed; blocks of six hours with such"
        " pixels; storms (regions of 10 km2 or more, hour by hour). Below 100 % (dashed) no score"
        " is drawn: wait for rain, choose a lower threshold or a longer window. Drawn up to 200 %.",
        [
            query(f"clamp_max({n} / {floor}, {MOST_SHOWN})", legend)
            for legend, n, floor in (
                ("pixels", promql.events("model"), promql.FLOOR),
                ("blocks of 6 h", promql.blocks(), promql.BLOCK_FLOOR),
                ("storms", promql.storms(), promql.STORM_FLOOR),
            )
        ],
        (6, 9),
        "percentunit",
        limits=steps(GREY, 1, GREEN),
        lowest=0,
    )
