"""What Prometheus reads of one stream: totals that only grow, and gauges of input and skill.

Every label is there from the beginning, at 0, so that rates are right from the first forecast on.
Counts come from the engine's totals: a worker that restarts does not reset them. CSI over any
window is a quotient of sums of ``increase(...)``; weather moves it, so alerts look at paired skill.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from echocast.model.sequence.rain_changes import KINDS
from echocast.model.verification.counts import (
    BESIDE_CHALLENGER,
    CANARY,
    CHALLENGER,
    CLASS_MIDDLES,
    DECODED,
    FALLBACK,
    METHODS,
    MODEL,
    STORMS,
    STREAM_THRESHOLDS_DBZ,
    ContingencyCounts,
    Counts,
    all_leads,
    reliability,
)
from echocast.model.verification.frame_statistics import (
    HISTOGRAM,
    PIXELS,
    percentile_dbz,
    stability_index,
)
from echocast.service.streams.scores import last_day, leads_of, paired_skill
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

ROLES = (MODEL, CANARY, CHALLENGER, FALLBACK)
OUTCOMES = ("hits", "misses", "false_alarms", "correct_negatives")
DOUBTED = timedelta(hours=1)  # for which implausible frames are shown
REFERENCE = timedelta(days=30)  # what today's intensities are compared with
SOON = timedelta(hours=1)  # after it is valid: a frame that comes later is of a replay
LOOKED_AT = 8  # frames of the newest day
ALL_LEADS = "all"
NAN = math.nan
Groups = Mapping[str, Sequence[float]]  # lead times that are counted together, by their label
GAUGES = {
    "missing_share": "Share of pixels that the radar did not look at, over a day.",
    "absent_frames": "Frames of a day's rhythm that did not come or were set aside.",
    "set_aside_frames": "Frames of the newest two days that ended their workers or are damaged.",
    "delay_seconds": "Newest frame: from valid to received.",
    "dbz_stability_index": "Population stability index of a day's reflectivity against 30 days.",
    "dbz_percentile_95": "Reflectivity in dBZ that 95 % of a day's pixels with echo do not reach.",
    "mean_speed_metres_per_second": "Mean speed of the rain between the two newest frames.",
    "live": "1 where frames are expected; 0 where the stream is paused, new, or a replay.",
}


def families(
    stores: StreamStores,
    sums: CountSums,
    stream: Stream,
    totals: Counts,
    usual_leads: int,
    *,
    by_lead: bool,
) -> Iterator[Metric]:
    """All metrics of a stream that stay as they are until a frame or a count comes.

    Args:
        stores: The files.
        sums: The engine's sums.
        stream: Which.
        totals: The stream's totals.
        usual_leads: Lead times of the model that serves; they are shown before they are counted.
        by_lead: Whether each lead time has series of its own; else all of the network's together
            have, without those after them.
    """
    methods, leads = _methods(stores, stream, totals), _leads(stream, totals, usual_leads)
    groups = {f"{lead:g}": [lead] for lead in leads} if by_lead else {ALL_LEADS: leads}
    grouped = all_leads(totals) if by_lead else totals
    yield _pixels(stream, grouped, methods, groups)
    yield _forecasts(stream, grouped, [role for role in ROLES if role in methods], groups)
    yield _storms(stream, totals)
    yield from _reliability(stream, totals, leads)
    yield _corrections(stream, sums)
    yield from _inputs(stream, stores, sums)
    yield _implausible(stream, stores)
    yield from _skill(stream, stores, sums, leads)


def _methods(stores: StreamStores, stream: Stream, totals: Counts) -> Sequence[str]:
    """All methods; a challenger where there is or was one: most streams never have any."""
    had_one = any(name.endswith(f"|forecasts|{CHALLENGER}") for name in totals)
    has_one = had_one or CHALLENGER in stores.forecasts.compared(stream.name)
    of_it = () if has_one else (CHALLENGER, BESIDE_CHALLENGER)
    return [method for method in METHODS if method not in of_it]


def _pixels(stream: Stream, totals: Counts, methods: Sequence[str], groups: Groups) -> Metric:
    family = CounterMetricFamily(
        "echocast_stream_verification_pixels",
        "Verified pixels by contingency class.",
        labels=("stream", "method", "threshold_dbz", "lead_minutes", "outcome"),
    )
    for lead, leads in groups.items():
        counts = ContingencyCounts.of_named(totals, methods, STREAM_THRESHOLDS_DBZ, leads)
        for method, threshold in product(methods, STREAM_THRESHOLDS_DBZ):
            table = counts.table(method, threshold)
            for outcome in OUTCOMES:
                labels = (stream.name, method, f"{threshold:g}", lead, outcome)
                family.add_metric(labels, getattr(table, outcome))
    return family


def _forecasts(stream: Stream, totals: Counts, roles: Sequence[str], groups: Groups) -> Metric:
    family = CounterMetricFamily(
        "echocast_stream_verified_forecasts",
        "Forecasts that were compared with a frame, by the lead time compared.",
        labels=("stream", "role", "lead_minutes"),
    )
    for role, (lead, leads) in product(roles, groups.items()):
        count = sum(sum(totals.get(f"{minutes:g}|forecasts|{role}", ())) for minutes in leads)
        family.add_metric((stream.name, role, lead), count)
    return family


def _storms(stream: Stream, totals: Counts) -> Metric:
    family = CounterMetricFamily(
        "echocast_stream_storms",
        "Storms observed: regions of 10 km2 or more in the first frame of each hour.",
        labels=("stream", "threshold_dbz"),
    )
    for threshold in STREAM_THRESHOLDS_DBZ:
        count = sum(totals.get(f"0|{STORMS}|{threshold:g}", ()))
        family.add_metric((stream.name, f"{threshold:g}"), count)
    return family


def _reliability(stream: Stream, totals: Counts, leads: Sequence[float]) -> Iterator[Metric]:
    """Pixels of each class of probability, and those where it rained so; all leads together."""
    labels = ("stream", "threshold_dbz", "probability")
    pixels = CounterMetricFamily(
        "echocast_stream_probability_pixels",
        "Pixels for which a probability of this class was forecast (its middle), all leads.",
        labels=labels,
    )
    exceeded = CounterMetricFamily(
        "echocast_stream_probability_exceeded_pixels",
        "Those of them where the threshold was exceeded.",
        labels=labels,
    )
    for threshold in STREAM_THRESHOLDS_DBZ:
        counts = reliability(totals, threshold, leads) or [(0, 0)] * len(CLASS_MIDDLES)
        for middle, (count, events) in zip(CLASS_MIDDLES, counts, strict=True):
            values = (stream.name, f"{threshold:g}", f"{middle:g}")
            pixels.add_metric(values, count)
            exceeded.add_metric(values, events)
    yield pixels
    yield exceeded


def _corrections(stream: Stream, sums: CountSums) -> Metric:
    family = CounterMetricFamily(
        "echocast_stream_corrections",
        "Counts that were replaced because a frame was.",
        labels=("stream",),
    )
    family.add_metric((stream.name,), sums.corrections(stream.name))
    return family


def _inputs(stream: Stream, stores: StreamStores, sums: CountSums) -> Iterator[Metric]:
    """Gauges of input health over the last day of stream time."""
    known = _health(stores, sums, stream)
    for name, text in GAUGES.items():
        family = GaugeMetricFamily(f"echocast_stream_{name}", text, labels=("stream",))
        value = known.get(name)
        family.add_metric((stream.name,), NAN if value is None else value)
        yield family


def _implausible(stream: Stream, stores: StreamStores) -> Metric:
    """How many frames of the last hour of stream time cannot follow those before them."""
    family = GaugeMetricFamily(
        "echocast_stream_implausible_frames",
        "Frames of an hour that cannot follow those before them and count as missing.",
        labels=("stream", "kind"),
    )
    newest = stores.frames.newest_time(stream.name, implausible=True)
    doubted = stores.frames.aside.newest(stream.name)
    kinds = [one.kind for one in doubted if newest and newest - one.time < DOUBTED]
    for kind in KINDS:
        family.add_metric((stream.name, kind), kinds.count(kind))
    return family


def _skill(
    stream: Stream, stores: StreamStores, sums: CountSums, leads: Sequence[float]
) -> Iterator[Metric]:
    """Paired skill and frequency bias over the last day, all leads together."""
    labels = ("stream", "threshold_dbz")
    skill = GaugeMetricFamily(
        "echocast_stream_paired_skill",
        "(CSI_model - CSI_ref) / (1 - CSI_ref) against decoded extrapolation over a day.",
        labels=labels,
    )
    bias = GaugeMetricFamily(
        "echocast_stream_frequency_bias", "Events forecast per event observed.", labels=labels
    )
    newest = stores.frames.newest_time(stream.name)
    layout = (MODEL, DECODED), STREAM_THRESHOLDS_DBZ, leads
    names = list(ContingencyCounts.of_named({}, *layout).to_named())
    vectors = sums.vectors_over(stream.name, last_day(newest), names) if newest else {}
    counts = ContingencyCounts.of_named(vectors, *layout)
    for threshold in STREAM_THRESHOLDS_DBZ:
        model, reference = (counts.table(method, threshold) for method in (MODEL, DECODED))
        value = paired_skill(model, reference)
        skill.add_metric((stream.name, f"{threshold:g}"), NAN if value is None else value)
        bias.add_metric((stream.name, f"{threshold:g}"), model.frequency_bias)
    yield skill
    yield bias


def _health(stores: StreamStores, sums: CountSums, stream: Stream) -> dict[str, float | None]:
    newest = stores.frames.newest_time(stream.name)
    if newest is None:
        return {"live": 0.0}
    day = last_day(newest)
    header = stores.frames.header(stream.name, newest)
    first = max(day.first, stores.frames.oldest_time(stream.name) or day.first)
    paused = stores.streams.paused_time(stream.name, first, newest)
    expected = (newest - first - paused) // stream.step + 1
    frames = len(stores.frames.times(stream.name, TimeSpan(first, newest)))
    missing, histogram = f"0|{PIXELS}", f"0|{HISTOGRAM}"
    vectors = sums.vectors_over(stream.name, day, [missing, histogram])
    pixels, today = (vectors.get(name, []) for name in (missing, histogram))
    before = TimeSpan(day.first - REFERENCE, day.first - timedelta(hours=1))
    reference = sums.vectors_over(stream.name, before, [histogram]).get(histogram, [])
    return {
        "missing_share": pixels[1] / pixels[0] if pixels else None,
        "set_aside_frames": len(stores.frames.set_aside_times(stream.name)),
        "absent_frames": max(0, expected - frames),
        "delay_seconds": (header.received - newest).total_seconds() if header else None,
        "dbz_stability_index": stability_index(today, reference),
        "dbz_percentile_95": percentile_dbz(today) if today else None,
        "mean_speed_metres_per_second": sums.speed(stream.name),
        "live": float(not stream.paused and _came_soon(stores, stream, newest)),
    }


def _came_soon(stores: StreamStores, stream: Stream, newest: datetime) -> bool:
    """Whether a frame of the newest day came soon after it was valid; of a replay none does."""
    times = stores.frames.times(stream.name, TimeSpan(newest - timedelta(days=1), newest))
    looked_at = times[:: -max(1, len(times) // LOOKED_AT)]  # the newest first
    headers = (stores.frames.header(stream.name, time) for time in looked_at)
    soon = max(SOON, 3 * stream.step)
    return any(header is not None and header.received - header.time <= soon for header in headers)


def _leads(stream: Stream, vectors: Counts, count: int) -> Sequence[float]:
    usual = [stream.step_minutes * (lead + 1) for lead in range(stream.leads or count)]
    return sorted({*usual, *leads_of(vectors)})
