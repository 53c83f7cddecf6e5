"""Hostile input in great numbers, seeded: through the decoder's own function, or through HTTP.

    python -m tests.fuzz --seconds 60 --seed 1

In forked children with a decoder's limits. First every input that once did harm, then small valid
files with changed bytes. Ends with 1 where a child crashed, took too long, grew too much or raised
an error that is none of ours; such inputs are kept in ``--keep``.

    python -m tests.fuzz --http --count 5000 --seconds 3600 --seed 1

The same inputs, and forms that hold them, as bodies of requests to a whole service: nowcasts,
frames, observations. Ends with 1 where an answer was 5xx or missing, an error was logged that
nobody expected, a process ended, memory or open files grew, or the gateway and its children opened
a file that is none of the service's own (recorded by strace, where it is installed).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from tests.fuzz import in_children, over_http


def main() -> int:
    """The exit status: 0 where nothing is wrong."""
    options = _options()
    warnings.simplefilter("ignore")
    way = over_http if options.http else in_children
    report = way.run(options.seconds, options.count or None, options.seed)
    report.show(options.seed)
    report.keep(options.keep)
    return 1 if report.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--http", action="store_true", help="through a service of real processes")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after")
    parser.add_argument("--count", type=int, default=0, help="stop after so many inputs; 0: never")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
