"""An event as its page shows it: what it was, and its hardest and its median case as maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from echocast.model.forecast import Forecast
from echocast.model.formats.event_files import EventFiles
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.nowcaster import Nowcaster
from echocast.model.plotting.report.maps import case_maps
from echocast.model.plotting.report.page import painting
from echocast.model.plotting.report.tables import FEWEST
from echocast.model.reflectivity import ZR, rate_text
from echocast.model.verification.baselines import Reference
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import MODEL, PYSTEPS_SPROG, THRESHOLDS_DBZ
from echocast.model.verification.evaluation import ForecastCase, nth_forecast
from echocast.model.verification.event_scores import EventScores

CASE_THRESHOLDS_DBZ = (30.0, 20.0)  # the first with enough rain in a case ranks the cases
ABOUT = ("institution", "source", "license", "acknowledgement")
MOST_TIMES = 8  # that are listed one by one
ROWS = {PYSTEPS_SPROG: "S-PROG"}


@dataclass(frozen=True)
class JudgedEvent:
    """An event, and how good its forecasts were.

    Args:
        scores: What was counted.
        facts: Names and plain texts, for people.
        maps: Pictures by caption, data addresses.
    """

    scores: EventScores
    facts: Mapping[str, str] = field(default_factory=dict)
    maps: Mapping[str, str] = field(default_factory=dict)


def judged_event(
    nowcaster: Nowcaster,
    event: EventFiles,
    stride: int,
    scores: EventScores,
    reference: Reference | None = None,
    leads: int | None = None,
) -> JudgedEvent:
    """An event with its facts and maps; the two cases are forecast once more.

    Args:
        nowcaster: The model.
        event: Its files.
        stride: Frames between reference times.
        scores: What was counted of the event with the same stride and lead times.
        reference: Whose S-PROG is shown, where it has one; None: none.
        leads: Lead times; None: as many as the network makes.
    """
    ranked = ranked_cases(scores)
    shown = list(ranked.values()) or [0]
    cases = {n: nth_forecast(nowcaster, event, stride, n, leads) for n in shown}
    maps = {
        _caption(name, cases[n][0], scores, n): _painted(cases[n], reference)
        for name, n in ranked.items()
    }
    number, case = next(iter(cases.items()))
    return JudgedEvent(scores, dict(_facts(event, case, scores, number)), maps)


def _painted(case: ForecastCase, reference: Reference | None) -> str:
    forecast, inputs, observed = case
    fields = {} if reference is None else reference(inputs, len(observed)).fields
    others = {name: fields[method] for method, name in ROWS.items() if method in fields}
    return painting(case_maps(forecast, observed, others))


def ranked_cases(scores: EventScores) -> dict[str, int]:
    """Which start times are shown, by what they are: the hardest case, and the median one.

    By the model's CSI at 30 dBZ, or at 20 dBZ where no case has enough rain at 30; cases with
    fewer than ``FEWEST`` pixels forecast or observed are left out. Nothing where none is left.
    """
    m = scores.methods.index(MODEL)
    for dbz in CASE_THRESHOLDS_DBZ:
        counts = scores.counts[:, m, THRESHOLDS_DBZ.index(dbz)].sum(1)[:, :3]
        enough = np.flatnonzero(counts.sum(1) >= FEWEST)
        if len(enough):
            order = enough[np.argsort(counts[enough, 0] / counts[enough].sum(1), kind="stable")]
            hardest, median = int(order[0]), int(order[len(order) // 2])
            same = hardest == median
            return {"The only case": hardest} if same else {"Hardest": hardest, "Median": median}
    return {}


def _caption(name: str, forecast: Forecast, scores: EventScores, number: int) -> str:
    time = forecast.forecast_reference_time
    m, case = scores.methods.index(MODEL), scores.starts[number]
    parts = []
    for dbz in CASE_THRESHOLDS_DBZ[::-1]:
        table = ContingencyTable(*case.counts[m, THRESHOLDS_DBZ.index(dbz)].sum(0).tolist())
        if table.union:
            csi = table.critical_success_index
            parts.append(f"CSI-{dbz:g} {csi:.3f} (n = {table.observed:,} observed)")
    sample = f"All leads: {', '.join(parts)}."
    return f"{name} of this event: {_utc(time)}. {sample} Grey: no forecast is possible."


def _facts(
    event: EventFiles, case: ForecastCase, scores: EventScores, number: int
) -> Iterator[tuple[str, str]]:
    forecast, inputs, observed = case
    first = forecast.forecast_reference_time - timedelta(minutes=scores.start_minutes[number])
    yield "frames", f"{len(event.times)}, {_utc(event.times[0])} to {_utc(event.times[-1])}"
    yield "step", f"{inputs.step.total_seconds() / 60:g} min"
    yield "reference times", _starts(first, scores.start_minutes)
    yield "lead times", f"{scores.lead_minutes[0]:g} to {scores.lead_minutes[-1]:g} min"
    if note := forecast.quality.get("horizon"):
        yield "horizon", note
    yield "grid", _grid(observed.grid)
    yield "pixels scored", f"{scores.pixels:,}, the same for all methods"
    yield "thresholds", _rates(observed)
    for name in ABOUT:
        if text := observed.attributes.get(name):
            yield name, str(text)


def _starts(first: datetime, minutes: Sequence[float]) -> str:
    """How many forecasts there are, and from when."""
    times = [first + timedelta(minutes=after) for after in minutes]
    if len(times) > MOST_TIMES:
        return f"{len(times)}, from {_utc(times[0])} to {_utc(times[-1])}"
    return f"{len(times)}: {', '.join(map(_utc, times))}"


def _grid(grid: Grid) -> str:
    height, width = grid.shape
    size = grid.pixel_size_km
    name = grid.crs.get("grid_mapping_name", "no map projection stated")
    km = "pixels of unknown size" if size is None else f"pixels of {size:.3g} km"
    return f"{height} x {width} {km}, {str(name).replace('_', ' ')}"


def _rates(observed: Frames) -> str:
    zr = ZR.of_attributes(observed.attributes)
    rates = zip(THRESHOLDS_DBZ, zr.rain_rate_mm_h(THRESHOLDS_DBZ), strict=True)
    shown = ", ".join(f"{dbz:g} dBZ = {rate_text(rate)} mm/h" for dbz, rate in rates)
    return f"{shown} (Z = {zr.a:g} R^{zr.b:g})"


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
