"""Expressions of PromQL that several panels share.

Counts of streams are totals, so that a score over any window is a quotient of sums of increases.
Every gateway tells the same of a stream: ``max without (instance, job)`` takes one of them. A score
is shown where it stands on enough pixels, blocks of six hours and storms.
"""

from __future__ import annotations

PIXELS = "echocast_stream_verification_pixels_total"
FLOOR, BLOCK_FLOOR, STORM_FLOOR = (
    f"scalar(max(echocast_stream_event_floor_{name}))" for name in ("pixels", "blocks", "storms")
)
REFERENCES = {"challenger": "decoded_beside_challenger"}  # which forecasts a share of the frames
EVENTS = 'outcome!="correct_negatives"'
AT_THRESHOLD = 'stream="$stream", threshold_dbz="$threshold"'
HERE = 'stream="$stream", threshold_dbz="$threshold", lead_minutes=~"$lead"'
NEVER = "NaN"


def increase(selector: str, by: str = "", window: str = "$window") -> str:
    """The increase of a stream's totals over the window that the reader chose."""
    return f"sum by ({by}) (max without (instance, job) (increase({selector}[{window}])))"


def counted(
    method: str, outcome: str, where: str = HERE, by: str = "", window: str = "$window"
) -> str:
    """Pixels of a method by contingency class, e.g. ``outcome="hits"``."""
    return increase(f'{PIXELS}{{{where}, method="{method}", {outcome}}}', by, window)


def events(method: str, where: str = HERE, by: str = "") -> str:
    """n: pixels that were hit, missed or falsely alarmed."""
    return counted(method, EVENTS, where, by)


def blocks(method: str = "model", where: str = HERE, by: str = "") -> str:
    """Blocks of six hours in which a method had events."""
    in_one = counted(method, EVENTS, where, by, window="$block")
    return f"count_over_time(({in_one} > 0)[$window:$block])"


def storms(by: str = "", where: str = AT_THRESHOLD) -> str:
    """Storms that were observed."""
    return increase(f"echocast_stream_storms_total{{{where}}}", by)


def enough(score: str, method: str, where: str = HERE, by: str = "") -> str:
    """A score of a method, where there are blocks and storms enough."""
    place = AT_THRESHOLD if where == HERE else where
    return (
        f"({score}) and on ({by}) ({blocks(method, where, by)} >= {BLOCK_FLOOR})"
        f" and on ({by}) ({storms(by, place)} >= {STORM_FLOOR})"
    )


def critical_success_index(method: str) -> str:
    """Hits per event; nothing where there is less than the floors."""
    return enough(_csi(method), method)


def paired_skill(method: str = "model", where: str = HERE, by: str = "", of: str = "") -> str:
    """(CSI - CSI_ref) / (1 - CSI_ref) against decoded extrapolation in the same frames.

    Args:
        method: Whose.
        where: Labels.
        by: Labels that stay.
        of: Those of them that storms have.
    """
    beside = REFERENCES.get(method, "decoded_extrapolation")
    own, reference = (_csi(name, where, by) for name in (method, beside))
    return enough(f"(({own}) - ({reference})) / (1 - ({reference}))", method, where, of)


def _csi(method: str, where: str = HERE, by: str = "") -> str:
    hits = counted(method, 'outcome="hits"', where, by)
    return f"{hits} / ({events(method, where, by)} >= {FLOOR})"


def frequency_bias(method: str) -> str:
    """Events forecast per event observed; nothing where there is less than the floors."""
    forecast = counted(method, 'outcome=~"hits|false_alarms"')
    observed = counted(method, 'outcome=~"hits|misses"')
    return enough(f"({forecast} / {observed}) and ({events(method)} >= {FLOOR})", method)


def or_grey(expression: str, n: str) -> str:
    """The value; below its floor NaN, which tiles show in grey as n/a."""
    return f"({expression}) or {n} * {NEVER}"


def rate(selector: str, by: str = "") -> str:
    """Per second, over a few scrapes."""
    return f"sum by ({by}) (rate({selector}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str) -> str:
    """Of a histogram, e.g. the 95 % that are faster."""
    return f"histogram_quantile({share:g}, {rate(histogram + '_bucket', f'{by}, le'.strip(', '))})"


def mean(histogram: str) -> str:
    """Mean of a histogram's observations."""
    return f"{rate(histogram + '_sum')} / {rate(histogram + '_count')}"


def one_of_all(gauge: str, by: str) -> str:
    """A gauge that every gateway tells alike."""
    return f"max by ({by}) ({gauge})"
