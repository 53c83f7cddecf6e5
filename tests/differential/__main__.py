"""Thousands of files of random conventions: read right, or refused.

    python -m tests.differential --cases 5000 --seed 1

Ends with 1 where a file was read in another way than it is meant.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

from tests.differential.judge import MAKERS, Tally

SHOWN = 20
OFTEN = 200  # cases between two lines of progress


def main() -> int:
    """The exit status: 0 where nothing is wrong."""
    parser = argparse.ArgumentParser("tests.differential")
    parser.add_argument("--cases", type=int, default=1000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=[*MAKERS], action="append")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.cases):
            for kind in options.kind or MAKERS:
                tally.add(kind, options.seed * 1_000_000 + number, Path(folder))
            if number % OFTEN == OFTEN - 1:
                print(f"{number + 1} of {options.cases}, {len(tally.wrong)} wrong", flush=True)
    for fault in tally.wrong[:SHOWN]:
        print(fault)
    print(f"Accepted {dict(tally.accepted)}, refused {dict(tally.refused)}.")
    print(f"Wrong: {len(tally.wrong)}.")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
