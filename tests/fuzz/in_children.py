"""Hostile input through the decoder's own function, in forked children with its limits."""

from __future__ import annotations

import importlib
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from echocast.service.decoding.child import WARM
from tests.fuzz.children import MIB, Answer, answer_in_child
from tests.fuzz.inputs import Sample, mutated, single_images, special, valid
from tests.fuzz.report import Report

NAME = "input_20260701T1200"  # some formats leave the time to it
MOST_GROWN = 512 * MIB  # for inputs of some kB


def run(seconds: float, count: int | None, seed: int) -> Report:
    """Ask about inputs for so long, at most so many."""
    for name in (*WARM["decode"], "pyproj", "pint", "rasterio"):
        importlib.import_module(name)
    end = time.monotonic() + seconds
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        samples = itertools.islice(_samples(Path(name), seed), count)
        for sample in itertools.takewhile(lambda _: time.monotonic() < end, samples):
            answer = _answer(sample, Path(name))
            report.add(answer.outcome, _fault(answer), sample.name, sample.kind, sample.content)
    return report


def _samples(folder: Path, seed: int) -> Iterator[Sample]:
    """Without end; the same for the same seed."""
    chance = random.Random(seed)
    originals = valid(folder) + single_images(folder)
    yield from originals
    yield from special(folder)
    while True:
        yield mutated(chance.choice(originals), chance)


def _answer(sample: Sample, folder: Path) -> Answer:
    path = folder / NAME
    path.write_bytes(sample.content)
    return answer_in_child({"kind": sample.kind, "paths": [str(path)]}, folder)


def _fault(answer: Answer) -> str:
    """What is wrong with an answer; empty: nothing."""
    if not answer.ended_well:
        return f"{answer.outcome} {answer.printed[-2000:]}"
    if answer.grown_bytes > MOST_GROWN:
        return f"grew by {answer.grown_bytes // MIB} MiB"
    return "" if len(answer.detail) < 1000 else "a long message"
