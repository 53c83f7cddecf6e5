"""Expressions of PromQL that several panels share.

Counts of streams are totals, so that a score over any window is a quotient of sums of increases.
Every gateway tells the same of a stream: ``max without (instance, job)`` takes one of them.
"""

from __future__ import annotations

PIXELS = "echocast_stream_verification_pixels_total"
FLOOR = "scalar(max(echocast_stream_event_floor_pixels))"
EVENTS = 'outcome!="correct_negatives"'
HERE = 'stream="$stream", threshold_dbz="$threshold", lead_minutes=~"$lead"'
NEVER = "NaN"


def increase(selector: str, by: str = "", window: str = "$window") -> str:
    """The increase of a stream's totals over the window that the reader chose."""
    return f"sum by ({by}) (max without (instance, job) (increase({selector}[{window}])))"


def counted(method: str, outcome: str, where: str = HERE, by: str = "") -> str:
    """Pixels of a method by contingency class, e.g. ``outcome="hits"``."""
    return increase(f'{PIXELS}{{{where}, method="{method}", {outcome}}}', by)


def events(method: str, where: str = HERE, by: str = "") -> str:
    """n: pixels that were hit, missed or falsely alarmed."""
    return counted(method, EVENTS, where, by)


def critical_success_index(method: str, where: str = HERE, by: str = "") -> str:
    """Hits per event; nothing where there are fewer events than the floor."""
    hits = counted(method, 'outcome="hits"', where, by)
    return f"{hits} / ({events(method, where, by)} >= {FLOOR})"


def paired_skill(method: str = "model", where: str = HERE, by: str = "") -> str:
    """(CSI - CSI_ref) / (1 - CSI_ref) against decoded extrapolation."""
    own = critical_success_index(method, where, by)
    reference = critical_success_index("decoded_extrapolation", where, by)
    return f"(({own}) - ({reference})) / (1 - ({reference}))"


def frequency_bias(method: str, where: str = HERE, by: str = "") -> str:
    """Events forecast per event observed; nothing below the floor."""
    forecast = counted(method, 'outcome=~"hits|false_alarms"', where, by)
    observed = counted(method, 'outcome=~"hits|misses"', where, by)
    return f"({forecast} / {observed}) and ({events(method, where, by)} >= {FLOOR})"


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
