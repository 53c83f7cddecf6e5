"""What each part of the shipped recipe is worth, at one small budget: one thing changed at a time.

    echocast train windows experiments/windows.json --data RADAR --output TRAIN
    echocast train windows experiments/windows-family.json --data RADAR --output JUDGE
    python -m experiments.ablations --train TRAIN --judge JUDGE --work WORK [--data RADAR]

The protocol, windows and scores are those of ``experiments/family.py``'s radar windows, in the
moving frame. With ``--data`` some rows are also trained and judged where frames stay as they are:
the same crops of the same events to judge on, frames not aligned, the base carried out along the
motion. A run that is finished is kept in WORK, one that was stopped goes on; written to
``experiments/``: ``ablations.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from echocast.model.cli.progress import progress
from echocast.model.training.config import REVERSE, SCHEDULED, TrainingConfig
from echocast.model.training.window_plan import gather
from echocast.model.training.windows import CropConfig, WindowStore
from experiments import family
from experiments.family_page import Page, write

MOVING, FIXED = "moving", "fixed"
REFERENCE = "as shipped"
BARE = {  # of the network: sees the newest frame alone, and answers with a frame alone
    "residual": False,
    "control_widths": (),
    "coordinates": "eulerian",
    "base": "newest",
    "exceedance_thresholds_dbz": (),
}
ABLATIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {  # network, training
    REFERENCE: ({}, {}),
    "no residual": (BARE, {}),
    "base not damped": ({"base": "newest"}, {}),
    "no probabilities": ({"exceedance_thresholds_dbz": ()}, {}),
    "balanced loss": ({}, {"balance": 1.0}),
    "no control": ({"control_widths": ()}, {}),
    "paper preset": ({**BARE, "kernel": 5}, {"sampling": SCHEDULED}),
    "reverse sampling": ({}, {"sampling": REVERSE}),
    "no brightening": ({}, {"brightness_dbz": 0.0}),
}
STORES = {MOVING: "radar", FIXED: "fixed"}  # folders of windows in WORK begin so
AT_REST, DRIFTING = CropConfig("eulerian"), CropConfig("eulerian", drift=3.0)
ROWS: Mapping[str, Mapping[str, tuple[str, str]]] = {  # what changes, and the windows to train on
    MOVING: {name: (name, "train") for name in ABLATIONS},
    FIXED: {
        REFERENCE: (REFERENCE, "train"),
        "moving crops": (REFERENCE, "drifting"),
        "paper preset": ("paper preset", "train"),
    },
}
HERE = Path(__file__).parent
FIXED_WINDOWS: Mapping[str, tuple[str, CropConfig]] = {
    "train": ("windows.json", AT_REST),
    "drifting": ("windows.json", DRIFTING),
    "judge": ("windows-family.json", AT_REST),
}
SEED = 20261121  # of `echocast train windows`
INTRODUCTION = """# What each part of the recipe is worth

MIM of width 8 with the recipe of the shipped radar networks, and the same with one thing changed.
Steps, batches, windows and seeds are equal; a cell has one figure for each seed that was run.
Written by `python -m experiments.ablations`; how to run it stands in `experiments/ablations.py`,
how it is scored in `family.md`.

**What this can tell:** what a part does at the beginning of training, and what the parts that need
no training (the base, the residual) are worth from the first step on. **What it can't:** what a
part is worth in a network that is trained out. Seeds are no interval: a difference that is not
larger than that between them is none, and where one seed was run nobody knows. What is missing from
a table has not been run yet.

*As shipped*: residual on scale-damped extrapolation (`aperiodic`; with `damped`, the base of
radar-small up to 1.5.0, these runs stand in `LOG.md`), exceedance probabilities, a control of two
layers beside, squared error, windows brightened or dimmed by up to 2 dB, free-running. *No
residual*: the network sees the newest frame alone and answers with a frame alone, so it has no
base, no probabilities and no control either. *Paper preset*: that, with kernels of 5 and scheduled
sampling. *Reverse sampling*: inputs are replaced by predictions less and less often, up to two
fifths of the steps, and the base beside them too. Turns and mirrors belong to all runs.

**No moving crops** is no row of the moving frame: whatever velocity a crop is given, alignment
takes it out again. On windows of two radars (4, 20 frames each), a view that moves at 3 pixels a
step differs from the one at rest by 40 to 78 dBZ^2, but by 4 to 9 once both are aligned: the error
of the motion field, not a new motion. In the fixed frame it is one: *moving crops* there are those
of `echocast train windows --coordinates eulerian --drift 3`.
"""
PAGE = Page(
    "ablations",
    INTRODUCTION,
    {MOVING: "Moving frame", FIXED: "Fixed frame"},
    {
        MOVING: "Windows are aligned along the motion, so what is called extrapolation here is the"
        " newest frame; *no residual* and *paper preset* too see rain that stands still, which the"
        " papers did not give their networks.",
        FIXED: "No Lagrangian frame: the network of *as shipped*, frames left where they were, its"
        " base carried out along the motion. To judge on: the same crops and times, but the rain"
        " moves in and out of them, so the pixels are others than above and figures compare only"
        " with the references of this table.",
    },
)


def training_of(name: str, seed: int, options: argparse.Namespace) -> TrainingConfig:
    """What one run computes."""
    usual = family.training_of("radar", "mim", seed, options)
    of_network, of_training = ABLATIONS[name]
    shipped = replace(usual.network, control_widths=(options.width,) * 2)
    return replace(usual, network=replace(shipped, **of_network), **of_training)


def fixed_store(folder: Path, plan: Path, data: Path, crop: CropConfig = AT_REST) -> WindowStore:
    """Windows of ten frames in, ten out of a plan, in the fixed frame, in their middle."""
    whole = folder.with_name(f"{folder.name}-whole")
    if not (folder / "windows.json").exists() and not (whole / "windows.json").exists():
        sources = [{**s, "cuts": long_cuts(s)} for s in json.loads(plan.read_text())]
        fitting = [source for source in sources if source["cuts"]]
        WindowStore.save(whole, [w for part in gather(fitting, data, SEED, crop) for w in part])
    return family.radar_store(folder, whole)


def long_cuts(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The cuts of a source that make windows of ten frames in, ten out."""
    length = family.INPUTS, family.OUTPUTS
    return [cut for cut in source["cuts"] if (cut["inputs"], cut["outputs"]) == length]


def fixed_references(store: WindowStore) -> dict[str, Any]:
    """The scores of what is not trained, in the fixed frame."""
    judges = {"last frame": family.Judge(), "damped extrapolation": family.Judge()}
    for batch, _ in family.batches(store, family.network_of("radar", "mim", 8)):
        newest = batch.frames[:, family.INPUTS - 1 : family.INPUTS, 0].numpy()
        judges["last frame"].add(np.repeat(newest, family.OUTPUTS, 1), batch)
        judges["damped extrapolation"].add(batch.bases[:, :, 0].numpy(), batch)
    return {name: judge.scores() for name, judge in judges.items()}


def store_of(frame: str, part: str, options: argparse.Namespace) -> WindowStore:
    """Windows to train on or to judge on."""
    folder = options.work / f"{STORES[frame]}-{part}"
    if frame == MOVING:
        return family.radar_store(folder, getattr(options, part))
    plan, crop = FIXED_WINDOWS[part]
    return fixed_store(folder, HERE / plan, options.data, crop)


def runs_of(options: argparse.Namespace) -> list[tuple[int, str, str]]:
    """Seed, frame and name of what is to be trained."""
    frames = [MOVING, FIXED] if options.data else [MOVING]
    return [
        (seed, frame, name)
        for seed, frame in product(options.seeds, frames)
        for name in options.names
        if name in ROWS[frame]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and judge whatever is not done yet, and write the page after every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--train", type=Path, required=True, help="windows to train on")
    parser.add_argument("--judge", type=Path, required=True, help="windows of other events")
    parser.add_argument("--data", type=Path, help="radar files, for the fixed frame")
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--names", nargs="+", default=list(ROWS[MOVING] | ROWS[FIXED]))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    scores_of = {MOVING: partial(family.references, "radar"), FIXED: fixed_references}
    made: dict[str, Any] = {}
    stored = cache(partial(store_of, options=options))
    with progress() as bar:
        for seed, frame, name in runs_of(options):
            changes, part = ROWS[frame][name]
            stores = {"train": stored(frame, part), "judge": stored(frame, "judge")}
            if frame not in made:
                sizes = {kind: len(store) for kind, store in stores.items()}
                scores = scores_of[frame](stores["judge"])
                made[frame] = {"references": scores, "windows": sizes, "runs": {}}
            folder = options.work / f"{frame}-{name.replace(' ', '-')}-{seed}"
            run = family.trained(training_of(changes, seed, options), folder, stores, bar)
            made[frame]["runs"].setdefault(name, {})[str(seed)] = run
            write(options.output, made, PAGE)


if __name__ == "__main__":
    main()
