"""A recount of a stream from its files, with NumPy alone: nothing of the service's own counting.

Values are compared as the whole numbers of 0.01 dBZ that are in the files.
"""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from tests.chaos.damage import Damage

THRESHOLDS = (20, 30, 40, 50)  # dBZ
MISSING = -32768
Numbers = NDArray[np.int16]
Pair = tuple[str, str, str]  # forecast, valid time as in names, first digits of the frame's hash
Named = Mapping[str, list[int]]


@dataclass
class Recount:
    """What the files of a stream say.

    Args:
        frames: Frames that are whole, by time as in names: hash and whether late.
        forecasts: Ids of forecasts that are there, by reference time as in names, roles.
        counted: Stored counts by pair.
        expected: Counts made anew by pair; also of files that were damaged, as they were before.
        required: Pairs of which forecast and frame are whole.
        wrong: What does not agree, in words.
    """

    frames: dict[str, tuple[str, bool]] = field(default_factory=dict)
    forecasts: dict[str, list[str]] = field(default_factory=dict)
    counted: dict[Pair, Named] = field(default_factory=dict)
    expected: dict[Pair, Named] = field(default_factory=dict)
    required: set[Pair] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def missing(self) -> set[Pair]:
        """Pairs that have to be counted and are not."""
        return self.required - self.counted.keys()

    @property
    def silent(self) -> list[str]:
        """Frames that were not late and have no forecast that is served."""
        served = {"model", "fallback"}
        return [
            time
            for time, (_, late) in self.frames.items()
            if not late and served.isdisjoint(self.forecasts.get(time, ()))
        ]

    def totals(self) -> Counter[str]:
        """Sums of the counts made anew over all pairs that were counted, by name and place."""
        sums: Counter[str] = Counter()
        for pair in self.counted.keys() & self.expected.keys():
            for name, numbers in self.expected[pair].items():
                sums.update({f"{name}|{place}": n for place, n in enumerate(numbers)})
        return sums


def recount(store: Path, stream: str, damage: Damage) -> Recount:
    """Count a stream again."""
    result = Recount()
    lasting = {damaged.path for damaged in damage.lasting()}
    values = dict(_frames(store, stream, damage, lasting, result))
    for pair, counts in _counted(store / "counts" / stream, lasting, result):
        if pair in result.counted and result.counted[pair] != counts:
            result.wrong.append(f"{pair} is counted in two ways.")
        result.counted[pair] = counts
    for pair, whole, counts in _expected(store, stream, damage, lasting, values, result):
        result.expected[pair] = counts
        if whole:
            result.required.add(pair)
    _compare(result)
    return result


def _frames(
    store: Path, stream: str, damage: Damage, lasting: set[Path], result: Recount
) -> Iterator[tuple[str, tuple[str, bool, Numbers]]]:
    """By time: first digits of the hash, whether the file is whole, values."""
    for path in sorted((store / "frames" / stream).glob("*/*/*/*.npz")):
        with np.load(io.BytesIO(damage.original(path)), allow_pickle=False) as parts:
            header, values = json.loads(parts["header"].tobytes()), parts["counts"]
        whole = path not in lasting and not path.with_suffix(".aside").exists()
        if whole:
            result.frames[path.stem] = (header["sha256"][:16], header["late"])
        yield path.stem, (header["sha256"][:16], whole, values)


def _counted(folder: Path, lasting: set[Path], result: Recount) -> Iterator[tuple[Pair, Named]]:
    for path in sorted(folder.glob("*/*/*/*.json")):
        if path in lasting:
            continue
        time, frame = path.name.partition(".")[0].split("_")
        for forecast, counts in json.loads(path.read_bytes()).items():
            if forecast != "observed":
                yield (forecast, time, frame), counts


def _expected(
    store: Path,
    stream: str,
    damage: Damage,
    lasting: set[Path],
    frames: Mapping[str, tuple[str, bool, Numbers]],
    result: Recount,
) -> Iterator[tuple[Pair, bool, Named]]:
    """Pair, whether both of its files are whole, and its counts."""
    for path in sorted((store / "forecasts" / stream).glob("*/*/*/*.json")):
        issued = json.loads(path.read_bytes())
        place = store / issued["path"]
        reference = _stamp(datetime.fromisoformat(issued["forecast_reference_time"]).timestamp())
        result.forecasts.setdefault(reference, []).extend(issued["roles"])
        if not place.exists():
            result.wrong.append(f"{path.name} describes a forecast that is not there.")
            continue
        for time, minutes, count in _leads(damage.original(place), issued["roles"]):
            if time in frames:
                frame, whole, values = frames[time]
                pair = issued["id"], time, frame
                yield pair, whole and place not in lasting, _named(minutes, count(values))


def _leads(
    content: bytes, roles: list[str]
) -> Iterator[tuple[str, float, Callable[[Numbers], Mapping[str, list[int]]]]]:
    """Valid time, lead time in minutes, and what counts a frame, for each lead of a forecast."""
    with netCDF4.Dataset("forecast", memory=content) as dataset:
        dataset.set_auto_maskandscale(False)
        fields: dict[str, Any] = {name: dataset[name][:] for name in dataset.variables}
    last = fields["reflectivity_last_observed"]
    for lead, time in enumerate(fields["time"]):
        methods = dict.fromkeys(roles, fields["reflectivity"][lead])
        references = {
            "extrapolation": fields["reflectivity_extrapolation"][lead],
            "persistence": last,
        }
        valid = np.logical_and.reduce(
            [values != MISSING for values in (fields["reflectivity"][lead], *references.values())]
        )
        if "model" in roles:
            methods |= references
        minutes = (time - fields["forecast_reference_time"].item()) / 60
        yield _stamp(time), float(minutes), partial(_count, methods, valid)


def _count(
    methods: Mapping[str, Numbers], valid: NDArray[np.bool_], observed: Numbers
) -> dict[str, list[int]]:
    """Hits, misses, false alarms and correct negatives by method and threshold."""
    known = valid & (observed != MISSING)
    counts = {}
    for threshold in THRESHOLDS:
        happened = observed[known] >= 100 * threshold
        for method, values in methods.items():
            forecast = values[known] >= 100 * threshold
            cells = (
                forecast & happened,
                ~forecast & happened,
                forecast & ~happened,
                ~forecast & ~happened,
            )
            counts[f"{method}|{threshold}"] = [int(np.count_nonzero(cell)) for cell in cells]
    return counts


def _named(minutes: float, counts: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return {f"{minutes:g}|{name}": numbers for name, numbers in counts.items()}


def _compare(result: Recount) -> None:
    """Every stored count is what is counted anew; none is of something that is not there."""
    by_reason: dict[str, list[Pair]] = defaultdict(list)
    for pair, counts in result.counted.items():
        anew = result.expected.get(pair)
        if anew is None:
            by_reason["counted, but forecast or frame is not there"].append(pair)
        elif any(counts.get(name) != numbers for name, numbers in anew.items()):
            by_reason["counted otherwise than the files show"].append(pair)
    for reason, pairs in by_reason.items():
        result.wrong.append(f"{len(pairs)} pairs {reason}, first {pairs[0]}.")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y%m%dT%H%M%SZ")
