"""The numbers of the default product's decision, chosen on events that the weights have not seen.

    ECHOCAST_TEST_DATA=/path/to/data python -m experiments.decision count COUNTS
    python -m experiments.decision choose COUNTS

``count`` makes the nowcast of every start time of ``STARTS``, or of the events whose names begin as
``--events`` say (weights must not have learned from them), in rounds over all events, and writes
one file a start: joint counts of probability, extrapolation and observation. It can be stopped and
goes on where it was. ``choose`` tries every pair of probability threshold and weight of
extrapolation, and scores each agency by what the others choose: mean CSI of events and of lead
times, among choices with a pooled frequency bias of ``SMALLEST_BIAS`` to ``LARGEST_BIAS``. Beside
it stand the decision that the model has and extrapolation. Each threshold is decided alone here; a
forecast says yes only where it also does at all lower thresholds, which changes little.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.readers import read_frames
from echocast.model.nowcaster import Nowcaster
from echocast.model.products import early_rise
from echocast.model.registry.reader import SHIPPED, RegistryReader
from echocast.model.verification.calibration import EARLY_FACTOR, LARGEST_BIAS

Counts = NDArray[np.int64]

STARTS: dict[str, tuple[int, ...]] = {  # 1.7.0 has learned from none; 1.8.0 from all but five
    "mch_20150515": (0, 6, 12, 18, 20),
    "mch_20170131": (0, 6, 12, 18, 20),
    "bom-brisbane_20201031": (30, 50, 70, 80, 90, 100, 110, 120),
    "dpc-north_20250416": (0, 12, 24, 36, 48),
    "dpc-tyrrhenian_20250416": (0, 12, 24, 36, 48),
    "dwd-ry_201605291205": (0, 17, 34, 51),
    "dwd-ry_201605291805": (0, 17, 34, 50),
    "dwd-ry_201807110000": (0, 22, 44),
    "dwd-ry_201807111120": (0, 28, 56, 84),
    "dwd-ry_201807112300": (0, 25, 50, 75),
    "dwd-ry_201807121300": (0, 30, 60),
    "dwd-yw_201805100000": tuple(range(0, 245, 20)),
    "dwd-yw_201805131205": tuple(range(0, 235, 20)),
    "dwd-yw_201805141100": tuple(range(0, 124, 20)),
    "dwd-yw_201805191320": tuple(range(0, 289, 24)),
    "eccc-cascm_202407102136": tuple(range(0, 167, 30)),
    "eccc-cascm_202407111618": tuple(range(0, 73, 30)),
    "eccc-casgo_202407110048": tuple(range(0, 136, 30)),
    "eccc-casgo_202407111624": tuple(range(0, 130, 30)),
    "eccc-casmb_202407110324": tuple(range(0, 109, 30)),
    "eccc-casmb_202407111618": tuple(range(0, 170, 30)),
    "mrms-ncn1": (0, 9),
    "mrms-ncn3": (0, 9),
    "mrms-ncn4": (0, 9),
    "mrms-ncn5": (0, 9),
    "mrms-ncn8": (0, 9),
    "mrms-ncn6": (0, 9),
    "mrms-ncn0large": (0, 9),
    "knmi_20210202": (0, 16),
}
WEATHER = {  # files of one weather event count as one
    "dwd-ry_20160529": "dwd 2016-05-29",
    "dwd-ry_2018071100": "dwd 2018-07-11",
    "dwd-ry_2018071111": "dwd 2018-07-11",
    "dwd-ry_2018071": "dwd 2018-07-12",
    "dwd-yw_2018051312": "dwd 2018-05-13",
    "dwd-yw_2018051411": "dwd 2018-05-13",
    "eccc": "eccc 2024-07-11",
}
LOG_ODDS = np.arange(-6, 6.01, 0.1)  # edges of classes of probability
EXCESS_DB = np.arange(-15, 15.01, 3)  # edges of classes of extrapolation above the threshold
UNKNOWN = len(EXCESS_DB) + 1  # where extrapolation is missing
LOG_ODDS_MIDDLES = np.concatenate([[-6.05], (LOG_ODDS[1:] + LOG_ODDS[:-1]) / 2, [6.05]])
EXCESS_MIDDLES = np.concatenate([[-15], (EXCESS_DB[1:] + EXCESS_DB[:-1]) / 2, [15], [-15]])
WEIGHTS = (0.0, 0.03, 0.06, 0.12, 0.18)
PROBABILITIES = np.concatenate([np.arange(0.02, 0.2, 0.01), np.arange(0.2, 0.62, 0.02)])
SMALLEST_BIAS = 0.9
FEWEST_OBSERVED = 1000


def count(folder: Path, model: str, prefixes: tuple[str, ...]) -> None:
    """Count every start time of some events that has no file yet."""
    data = Path(os.environ["ECHOCAST_TEST_DATA"]) / "radar"
    nowcaster = Nowcaster.load(RegistryReader(SHIPPED).resolve(model))
    chosen = {name: starts for name, starts in STARTS.items() if name.startswith(prefixes)}
    rounds = range(max(map(len, chosen.values())))
    todo = [(name, starts[k]) for k in rounds for name, starts in chosen.items() if k < len(starts)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, start) in enumerate(todo, 1):
        target = folder / f"{name}.{start}.npz"
        if not target.exists():
            np.savez_compressed(target, **counts_of(nowcaster, data / f"{name}.nc", start))
        print(f"{number} of {len(todo)}: {name} from frame {start}", flush=True)


def counts_of(nowcaster: Nowcaster, file: Path, start: int) -> dict[str, NDArray[np.generic]]:
    """Joint counts of one nowcast; tables of its own decision and of extrapolation."""
    frames = read_frames([file], choose=lambda _: slice(start, start + 20))
    forecast, truth = nowcaster.nowcast(frames[:10]), frames[10:].reflectivity_dbz
    assert forecast.exceedance_probability is not None
    probability = forecast.exceedance_probability.astype(np.float32)
    extrapolation = np.nan_to_num(forecast.extrapolation.reflectivity_dbz, nan=-np.inf)
    decided, known = forecast.frames.reflectivity_dbz, np.isfinite(truth)
    known &= np.isfinite(probability[0])
    thresholds = forecast.exceedance_thresholds_dbz
    joint, own, moved = [], [], []
    for lead in range(len(truth)):
        at, observed = known[lead], truth[lead][known[lead]]
        for number, dbz in enumerate(thresholds):
            chance, above = probability[number, lead][at], extrapolation[lead][at]
            joint.append(joint_counts(chance, above - dbz, observed >= dbz))
            own.append(three_counts(decided[lead][at] >= dbz, observed >= dbz))
            moved.append(three_counts(above >= dbz, observed >= dbz))
    shape = (len(truth), len(thresholds), -1)
    return {
        "counts": np.stack(joint).reshape(*shape[:2], *joint[0].shape),
        "ship": np.reshape(own, shape),
        "ext": np.reshape(moved, shape),
        "leads": np.array(forecast.lead_minutes),
        "thr": np.array(thresholds),
    }


def joint_counts(
    chance: NDArray[np.float32], excess_db: NDArray[np.float32], exceeded: NDArray[np.bool_]
) -> Counts:
    """(class of probability, class of extrapolation, exceeded or not), in pixels."""
    chance = np.clip(chance, 1e-4, 1 - 1e-4)
    rows = np.digitize(np.log(chance / (1 - chance)), LOG_ODDS)
    columns = np.where(np.isfinite(excess_db), np.digitize(excess_db, EXCESS_DB), UNKNOWN)
    shape = (len(LOG_ODDS_MIDDLES), len(EXCESS_MIDDLES), 2)
    cells = (rows * shape[1] + columns) * 2 + exceeded
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def three_counts(forecast: NDArray[np.bool_], observed: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Hits, forecast events, observed events."""
    return int((forecast & observed).sum()), int(forecast.sum()), int(observed.sum())


def csi(table: NDArray[np.floating]) -> NDArray[np.floating]:
    """Critical success index of (..., 3): hits, forecast, observed."""
    return table[..., 0] / np.maximum(table[..., 1] + table[..., 2] - table[..., 0], 1e-9)


def bias(table: NDArray[np.floating]) -> NDArray[np.floating]:
    """Frequency bias of (..., 3)."""
    return table[..., 1] / np.maximum(table[..., 2], 1e-9)


@dataclass(frozen=True, eq=False)
class Event:
    """Counts of one weather event, (lead, threshold, ...); ``tried``: (threshold, weight,
    probability threshold, lead, 3)."""

    tried: NDArray[np.float64]
    own: NDArray[np.float64]
    extrapolation: NDArray[np.float64]
    starts: int

    def __add__(self, other: Event) -> Event:
        return Event(
            self.tried + other.tried,
            self.own + other.own,
            self.extrapolation + other.extrapolation,
            self.starts + other.starts,
        )


def weather(name: str) -> str:
    """The weather event of a file."""
    return next((event for start, event in WEATHER.items() if name.startswith(start)), name)


def load(folder: Path) -> dict[str, Event]:
    """All that is counted, by weather event."""
    events: dict[str, Event] = {}
    for file in sorted(folder.glob("*.npz")):
        stored = np.load(file)
        tried = [
            [try_thresholds(stored["counts"][:, k], stored["leads"], w) for w in WEIGHTS]
            for k in range(len(stored["thr"]))
        ]
        event = Event(np.array(tried), stored["ship"], stored["ext"], 1)
        name = weather(file.name.rsplit(".", 2)[0])
        events[name] = events[name] + event if name in events else event
    return events


def try_thresholds(counts: Counts, minutes: NDArray[np.floating], weight: float) -> Counts:
    """(probability threshold, lead, 3) of one threshold in dBZ and one weight of extrapolation."""
    odds = LOG_ODDS_MIDDLES[:, None] + weight * EXCESS_MIDDLES
    chance = (1 / (1 + np.exp(-odds))).ravel()
    order = chance.argsort()[::-1]
    cells = counts.reshape(len(minutes), -1, 2)[:, order]
    forecast = np.pad(cells.sum(-1).cumsum(1), ((0, 0), (1, 0)))
    hits = np.pad(cells[..., 1].cumsum(1), ((0, 0), (1, 0)))
    rise = early_rise(EARLY_FACTOR, minutes)
    first = len(chance) - np.searchsorted(chance[order][::-1], PROBABILITIES[:, None] * rise)
    leads = np.arange(len(minutes))
    observed = np.broadcast_to(cells[..., 1].sum(1), first.shape)
    return np.stack([hits[leads, first], forecast[leads, first], observed], -1)


def best(events: Iterable[Event], threshold: int) -> tuple[int, int]:
    """Index of the weight and of the probability threshold that some events choose."""
    tables = np.stack([event.tried[threshold] for event in events])
    pooled = tables.sum(0)
    quality = csi(tables.sum(3)).mean(0) + csi(pooled).mean(-1)
    allowed = bias(pooled.sum(2))
    quality[(allowed < SMALLEST_BIAS) | (allowed > LARGEST_BIAS)] = -1
    weight, probability = np.unravel_index(quality.argmax(), quality.shape)
    return int(weight), int(probability)


def left_out(events: Mapping[str, Event], threshold: int) -> dict[str, NDArray[np.float64]]:
    """(lead, 3) of each event by the choice of the other agencies."""
    agencies: dict[str, list[str]] = defaultdict(list)
    for name in events:
        agencies[name.split("-")[0].split("_")[0].split(" ")[0]].append(name)
    judged = {}
    for names in agencies.values():
        others = [event for name, event in events.items() if name not in names]
        choice = best(others, threshold)
        judged |= {name: events[name].tried[threshold][choice] for name in names}
    return judged


def choose(folder: Path) -> None:
    """Print the choice of all events, and how each agency fares by that of the others."""
    events = load(folder)
    thresholds = np.load(next(folder.glob("*.npz")))["thr"]
    print(f"{len(events)} events, {sum(event.starts for event in events.values())} starts")
    print("| dBZ | events | observed pixels | | mean CSI | pooled CSI / bias | bias of events |")
    print("|---|---|---|---|---|---|---|")
    for number, dbz in enumerate(thresholds):
        usable = {n: e for n, e in events.items() if e.own[:, number, 2].sum() >= FEWEST_OBSERVED}
        weight, probability = best(usable.values(), number)
        chosen = left_out(usable, number)
        rows = {
            f"from {PROBABILITIES[probability]:.2f} on, weight {WEIGHTS[weight]}": chosen,
            "as it is": {name: event.own[:, number] for name, event in usable.items()},
            "extrapolation": {n: event.extrapolation[:, number] for n, event in usable.items()},
        }
        for name, tables in rows.items():
            print(row(dbz, name, tables))
        for name, tables in rows.items():
            print(by_lead(name, tables))


Tables = Mapping[str, NDArray[np.float64]]


def row(dbz: float, name: str, tables: Tables) -> str:
    """One line of the table."""
    whole = {event: table.sum(0) for event, table in tables.items()}
    pooled: NDArray[np.float64] = np.sum(list(whole.values()), 0)
    mean = np.mean([csi(table) for table in whole.values()])
    biases = [bias(table) for table in whole.values() if table[2] > 5 * FEWEST_OBSERVED]
    return (
        f"| {dbz:g} | {len(tables)} | {pooled[2]:.0f} | {name} | {mean:.4f} |"
        f" {csi(pooled):.4f} / {bias(pooled):.2f} | {min(biases):.2f} to {max(biases):.2f} |"
    )


def by_lead(name: str, tables: Tables) -> str:
    """CSI and bias of every lead, pooled."""
    pooled: NDArray[np.float64] = np.sum(list(tables.values()), 0)
    return f"    {name}: CSI {numbers(csi(pooled))}, bias {numbers(bias(pooled))}"


def numbers(values: NDArray[np.floating]) -> str:
    """Two digits each."""
    return " ".join(f"{value:.2f}" for value in values)


def main() -> None:
    """Count or choose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["count", "choose"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="radar-small/1.7.0")
    parser.add_argument("--events", nargs="+", default=[""])
    arguments = parser.parse_args()
    if arguments.action == "count":
        count(arguments.folder, arguments.model, tuple(arguments.events))
    else:
        choose(arguments.folder)


if __name__ == "__main__":
    main()
