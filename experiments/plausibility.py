"""How often real rain looks implausible, and how often simulated faults do.

    ECHOCAST_TEST_DATA=/path/to/data python -m experiments.plausibility [--every 10] [NAME ...]

reads the events in its folder ``radar``, prints a JSON line for each and the sums in the end. Every
frame is compared with the one before it, and one in ``--every`` with those two and three steps
before; whole images, and parts of them down to 64 pixels a side. One in ``--every`` is also
replaced by what faults make of it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np

from echocast.model.formats.readers import read_frames, read_header
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.sequence.rain_changes import Blocks, blocks, blocks_in_reach, changes, repeats

TOGETHER_PIXELS = 20_000_000  # of frames that are read at once
LAGS = (1, 2, 3)
SIDES = (256, 128, 64)
PARTS = 3  # of an image, of each side
RAINY = 0.01  # share of wet blocks from which on a fault can be expected to show
Timed = tuple[datetime, FloatArray]


def steps(path: Path) -> Iterator[Frames]:
    """Frames of a file, few at a time."""
    times = read_header(path)[0]
    first = read_frames([path], choose=lambda _: slice(0, 1))
    together = max(1, TOGETHER_PIXELS // first.reflectivity_dbz.size)
    for start in range(0, len(times), together):
        yield read_frames([path], choose=lambda _, s=start: slice(s, s + together))


def faults(earlier_dbz: FloatArray, later_dbz: FloatArray) -> dict[str, FloatArray]:
    """What faults make of an image that follows another."""
    echo, middle = later_dbz > 0, later_dbz.shape[1] // 2
    dry = np.where(np.isnan(later_dbz), later_dbz, np.float32(-32))
    half = later_dbz.copy()
    half[:, middle:] = dry[:, middle:]
    return {
        "emptied": dry,
        "half emptied": half,
        "frozen": earlier_dbz,
        "dBZ x 2": np.where(echo, np.minimum(2 * later_dbz, 95), later_dbz),
        "+10 dB": np.where(echo, later_dbz + 10, later_dbz),
        "-10 dB": np.where(echo, later_dbz - 10, later_dbz),
        "out of nothing": dry,  # with the roles of both images exchanged
    }


def parts(
    shape: tuple[int, int], side: int, reach: int, random: np.random.Generator
) -> Iterator[tuple[str, tuple[slice, slice]]]:
    """The whole image and some parts of it, as slices of blocks; named by its side."""
    yield "whole", (slice(None), slice(None))
    for pixels in SIDES:
        length = pixels // side
        if 2 * reach < length < min(shape):
            for _ in range(PARTS):
                row, column = (int(random.integers(0, n - length)) for n in shape)
                yield str(pixels), (slice(row, row + length), slice(column, column + length))


def part_of(of: Blocks, where: tuple[slice, slice]) -> Blocks:
    """Some of a frame's blocks."""
    return Blocks(of.observed[where], of.top_dbz[where], of.wet[where])


class Event:
    """Comparisons within one event, counted."""

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self.counts: Counter[str] = Counter()
        self.nearest: dict[str, float] = {}
        self._random = np.random.default_rng(1)
        self._known: dict[tuple[datetime, int], Blocks] = {}

    def run(self) -> None:
        """Compare all frames."""
        recent: deque[Timed] = deque(maxlen=max(LAGS) + 1)
        number = count()
        for frames in steps(self.path):
            pixel_km = frames.grid.pixel_size_km or DEFAULT_PIXEL_KM
            for now in zip(frames.times, frames.reflectivity_dbz, strict=True):
                recent.append(now)
                self._frame(list(recent), pixel_km, chosen=next(number) % self.every == 0)
                self._known = {key: b for key, b in self._known.items() if key[0] >= recent[0][0]}

    def _frame(self, recent: list[Timed], pixel_km: float, *, chosen: bool) -> None:
        for lag in LAGS if chosen else LAGS[:1]:
            if lag < len(recent):
                self._pair(recent[-1 - lag], recent[-1], pixel_km, lag)
        if chosen and len(recent) > 1:
            self._faults(recent[-2], recent[-1], pixel_km)

    def _blocks(self, of: Timed, side: int) -> Blocks:
        key = of[0], side
        if key not in self._known:
            self._known[key] = blocks(of[1], side)
        return self._known[key]

    def _pair(self, earlier: Timed, later: Timed, pixel_km: float, lag: int) -> None:
        side, reach = blocks_in_reach(later[0] - earlier[0], pixel_km)
        before, after = self._blocks(earlier, side), self._blocks(later, side)
        for name, where in parts(before.wet.shape, side, reach, self._random):
            kind = self._judged(part_of(before, where), part_of(after, where), reach)
            if kind is not None:
                step = f"{name}, {'one step' if lag == 1 else 'more steps'}"
                self.counts[f"{step}: compared"] += 1
                self.counts[f"{step}: {kind}"] += kind != ""
        self.counts["repeated"] += lag == 1 and repeats(earlier[1], later[1])

    def _judged(self, before: Blocks, after: Blocks, reach: int) -> str | None:
        """The kind of an implausible change, nothing where none is; None without rain."""
        if not (before.wet.any() or after.wet.any()):
            return None
        kind = ""
        for change in changes(before, after, reach):
            share = abs(change.value) / change.most
            self.nearest[change.kind] = max(self.nearest.get(change.kind, 0.0), share)
            kind = kind or (change.kind if change.implausible else "")
        return kind

    def _faults(self, earlier: Timed, later: Timed, pixel_km: float) -> None:
        side, reach = blocks_in_reach(later[0] - earlier[0], pixel_km)
        true = self._blocks(earlier, side), self._blocks(later, side)
        for fault, values in faults(earlier[1], later[1]).items():
            wrong = blocks(values, side)
            for name, where in parts(wrong.wet.shape, side, reach, np.random.default_rng(2)):
                before, after, made = (part_of(b, where) for b in (*true, wrong))
                if min(before.wet.mean(), after.wet.mean()) < RAINY:
                    continue
                pair = (made, after) if fault == "out of nothing" else (before, made)
                hit = any(change.implausible for change in changes(*pair, reach))
                if fault == "frozen":
                    hit = repeats(earlier[1], values)
                self.counts[f"{fault}, {name}: tried"] += 1
                self.counts[f"{fault}, {name}: detected"] += hit


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="Events; all of them by default.")
    parser.add_argument("--every", type=int, default=10, help="Frames per one that is a fault.")
    given = parser.parse_args()
    folder = Path(os.environ["ECHOCAST_TEST_DATA"]) / "radar"
    total: Counter[str] = Counter()
    nearest: dict[str, float] = {}
    names = given.names or sorted(path.stem for path in folder.glob("*.nc"))
    for path in (folder / f"{name}.nc" for name in names):
        event = Event(path, given.every)
        event.run()
        total.update(event.counts)
        nearest |= {k: max(v, nearest.get(k, 0.0)) for k, v in event.nearest.items()}
        print(
            json.dumps({"event": path.stem, **event.counts, "nearest": event.nearest}), flush=True
        )
    print(json.dumps({"event": "all", **total, "nearest": nearest}, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
