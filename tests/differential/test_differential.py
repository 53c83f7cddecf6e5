"""A few hundred files of random conventions; `python -m tests.differential` reads thousands."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.readers import read_frames
from tests.differential.cf_files import cf_file
from tests.differential.judge import MAKERS, Tally, differences

CASES = 120


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MAKERS)
def test_files_of_random_conventions_are_read_right_or_refused(kind: str, tmp_path: Path) -> None:
    tally = Tally()
    for seed in range(CASES):
        tally.add(kind, seed, tmp_path)
    assert tally.wrong == []
    assert tally.accepted[kind] >= 0.95 * CASES, tally.refused  # nothing drawn is beyond a reader


@pytest.mark.filterwarnings("ignore")
def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    placed = (seed for seed in range(100) if _truth(tmp_path, seed).latitude is not None)
    truth = _truth(tmp_path, next(placed))
    frames = read_frames(list(truth.files))
    assert not list(differences(truth, frames))
    turned = replace(frames, reflectivity_dbz=frames.reflectivity_dbz[:, ::-1])
    moved = replace(frames, grid=replace(frames.grid, x=frames.grid.x + 0.001))
    stronger = replace(frames, reflectivity_dbz=frames.reflectivity_dbz + np.float32(0.01))
    later = replace(truth, times=[*truth.times[:-1], truth.times[0]])
    faults = [list(differences(*pair)) for pair in ((truth, turned), (truth, stronger))]
    assert all(faults)
    assert list(differences(later, frames))
    if frames.grid.units == "degree":
        assert list(differences(truth, moved))


def test_every_choice_is_drawn(tmp_path: Path) -> None:
    drawn = Counter(str(_truth(tmp_path, seed).choices["dtype"]) for seed in range(60))
    assert set(drawn) == {"u1", "i1", "i2", "u2", "i4", "f4", "f8"}


def _truth(folder: Path, seed: int):
    return cf_file(folder / f"{seed}.nc", np.random.default_rng(seed))
