"""From a plan to stored training windows: which events, which steps, how many crops.

A plan is a JSON list of sources. Each names a radar file of any known format, or a folder of them
(below a data folder), or ``synthetic`` seeds, the tiles it is read in (a continental composite does
not fit in memory), and its cuts:

    {"file": "fmi_20170509.nc", "pixel_km": 1, "cuts": [
        {"event": "fmi/5", "step_minutes": 5, "stride": 1, "inputs": 10, "outputs": 10,
         "starts": [0, 21, 1], "count": 30}]}

``step_minutes`` is that between the frames of a window, every ``stride``-th of the file;
``starts`` is a range of first frames, ``count`` the most crops per start. ``reading`` says how its
files are read, in the words of :meth:`.Reading.of_words`: ``{"units": "dBZ", "reduce": 2}``. Plans
and their order decide the windows: the same plan and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.formats.event_files import EventFiles
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.synthetic.storms import storm
from echocast.model.training.windows import ALIGNED, CropConfig, WindowInfo, clean, extract_crops

CROP = 96
WET_DBZ = 25.0
STEP_TOLERANCE = 0.1

Window = tuple[NDArray[np.uint8], WindowInfo]
Source = Mapping[str, Any]


def gather(
    plan: Sequence[Source], data: Path, seed: int, crop: CropConfig = ALIGNED
) -> Iterator[list[Window]]:
    """The windows of a plan, one list per sequence read.

    Args:
        plan: Sources, see above.
        data: Folder of the radar files.
        seed: Chooses the crops.
        crop: How the crops lie in the frames.

    Yields:
        Windows, perhaps none where it is dry.

    Raises:
        ContractViolation: A file's frames don't follow each other as the plan says.
    """
    rng = np.random.default_rng(seed)
    for source in plan:
        for sequence in sequences(source, data):
            yield windows_of(sequence, source, rng, crop)


def windows_of(
    sequence: FloatArray, source: Source, rng: np.random.Generator, crop: CropConfig = ALIGNED
) -> list[Window]:
    """The windows of one sequence of a source, (time, height, width) in dBZ, cleaned."""
    return [w for entry in source["cuts"] for w in _windows(sequence, source, entry, rng, crop)]


def sequences(source: Source, data: Path) -> Iterator[FloatArray]:
    """Cleaned (time, height, width) arrays of a source, tile by tile.

    Raises:
        InputError: A file can't be read, or its frames don't follow each other as the plan says.
    """
    if "synthetic_seeds" in source:
        for seed in range(*source["synthetic_seeds"]):
            frames = storm(seed, step_minutes=source["step_minutes"])
            yield clean(frames.reflectivity_dbz)
        return
    event = EventFiles.of([data / source["file"]], Reading.of_words(**source.get("reading", {})))
    for tile in _tiles(event, source):
        frames = tile.frames(slice(None))
        _check_steps(frames, source)
        values = clean(frames.reflectivity_dbz)
        if float((np.nan_to_num(values) > WET_DBZ).mean()) >= source.get("wet_share", 0.0):
            yield values


def _tiles(event: EventFiles, source: Source) -> Iterator[EventFiles]:
    """The event as it is, or as its source says tile by tile."""
    if "tile" not in source:
        yield event
        return
    (height, width), (rows, columns) = event.shape, source["tile"]
    for y, x in product(range(0, height, rows), range(0, width, columns)):
        crop = replace(event.reading.crop, tile=(y, y + rows, x, x + columns))
        yield replace(event, reading=replace(event.reading, crop=crop))


def _check_steps(frames: Frames, source: Source) -> None:
    """Demand that a file has the steps of the plan, and no gap, also where nothing is extracted."""
    for entry in source["cuts"]:
        step = timedelta(minutes=entry["step_minutes"] / entry["stride"])
        for before, now in pairwise(frames.times):
            if abs(now - before - step) > STEP_TOLERANCE * step:
                raise ContractViolation(
                    f"The plan says {step.total_seconds() / 60:g} minutes between frames, but in"
                    f" {source['file']} {(now - before).total_seconds() / 60:g} lie before"
                    f" {now.isoformat()}; split a file with gaps into files without, and plan one"
                    " of another step by itself.",
                    rule="step",
                )


def _windows(
    sequence: FloatArray,
    source: Source,
    entry: Mapping[str, Any],
    rng: np.random.Generator,
    crop: CropConfig,
) -> Iterator[Window]:
    """The crops of one entry of `cuts` of one sequence."""
    inputs, outputs, stride = entry["inputs"], entry["outputs"], entry["stride"]
    span = (inputs + outputs) * stride
    facts = entry["event"], entry["step_minutes"], source["pixel_km"], inputs, outputs
    info = WindowInfo(*facts, crop.coordinates, crop.base)
    for start in range(*entry["starts"]):
        frames = sequence[start : start + span : stride]
        for counts in extract_crops(frames, inputs, entry["count"], CROP, rng, crop):
            yield counts, info
