"""Hostile input through the decoder's own function, in forked children with its limits.

    python -m tests.fuzz --seconds 60 --seed 1

First every input that once did harm, then small valid files with changed bytes. Ends with 1 where
a child crashed, took too long, grew too much or raised an error that is none of ours; such inputs
are kept in ``--keep``.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from echocast.service.decoding.child import WARM
from tests.fuzz.children import MIB, Answer, answer_in_child
from tests.fuzz.inputs import Sample, mutated, special, valid

MOST_GROWN = 512 * MIB  # for inputs of some kB


def main() -> int:
    """The exit status: 0 where every input had a clear answer."""
    options = _options()
    warnings.simplefilter("ignore")
    for name in (*WARM["decode"], "pyproj"):
        importlib.import_module(name)
    end = time.monotonic() + options.seconds
    outcomes: Counter[str] = Counter()
    bad = []
    with tempfile.TemporaryDirectory() as name:
        samples = itertools.islice(_samples(Path(name), options.seed), options.count or None)
        for sample in itertools.takewhile(lambda _: time.monotonic() < end, samples):
            answer = _answer(sample, Path(name))
            outcomes[answer.outcome] += 1
            if fault := _fault(answer):
                print(f"{fault}: {sample.name}", answer.printed[-2000:], flush=True)
                bad.append(sample)
    _keep(bad, options.keep)
    for outcome, count in outcomes.most_common():
        print(f"{count:7d} {outcome}")
    print(f"{outcomes.total():7d} inputs, {len(bad)} without a clear answer (seed {options.seed})")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after")
    parser.add_argument("--count", type=int, default=0, help="stop after so many inputs; 0: never")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    return parser.parse_args()


def _samples(folder: Path, seed: int) -> Iterator[Sample]:
    """Without end; the same for the same seed."""
    chance = random.Random(seed)
    originals = valid(folder)
    yield from originals
    yield from special(folder)
    while True:
        yield mutated(chance.choice(originals), chance)


def _answer(sample: Sample, folder: Path) -> Answer:
    path = folder / "input"
    path.write_bytes(sample.content)
    return answer_in_child({"kind": sample.kind, "paths": [str(path)]}, folder)


def _fault(answer: Answer) -> str:
    """What is wrong with an answer; empty: nothing."""
    if not answer.ended_well:
        return answer.outcome
    if answer.grown_bytes > MOST_GROWN:
        return f"grew by {answer.grown_bytes // MIB} MiB"
    return "" if len(answer.detail) < 1000 else "a long message"


def _keep(bad: list[Sample], folder: Path) -> None:
    for number, sample in enumerate(bad):
        folder.mkdir(exist_ok=True)
        (folder / f"{number:03d}-{sample.kind}").write_bytes(sample.content)


if __name__ == "__main__":
    sys.exit(main())
