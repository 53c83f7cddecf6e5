"""A table of a benchmark as a Markdown file that grows row by row and is gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def head(columns: Sequence[str]) -> str:
    """The first two lines of a table."""
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"


def line(cells: Iterable[object]) -> str:
    """One row of it."""
    return f"| {' | '.join(map(str, cells))} |"


class TableFile:
    """A Markdown file with one table; every row is written as soon as it is measured.

    A file that holds a table with the same columns is gone on with: its rows stay as they are.

    Args:
        path: Where; None: nowhere.
        title: Text above the table: command and machine.
        columns: Names of the columns.
        key: How many of the first columns tell rows apart.
    """

    def __init__(self, path: Path | None, title: str, columns: Sequence[str], key: int = 1) -> None:
        self._path, self._key = path, key
        self._top = f"{title}\n\n{head(columns)}\n"
        self.rows = list(_rows_below(path, head(columns)))

    def __contains__(self, key: Sequence[object]) -> bool:
        """Whether there is a row that begins with these cells."""
        start = line(key).removesuffix("|")
        return any(row.startswith(start) for row in self.rows)

    def add(self, cells: Sequence[object]) -> None:
        """Write down a row, in place of one with the same key."""
        start = line(cells[: self._key]).removesuffix("|")
        self.rows = [*(row for row in self.rows if not row.startswith(start)), line(cells)]
        if self._path:
            self._path.write_text(str(self))

    def __str__(self) -> str:
        return self._top + "".join(f"{row}\n" for row in self.rows)


def _rows_below(path: Path | None, header: str) -> Iterator[str]:
    if path and path.exists():
        _, heading, below = path.read_text().partition(f"{header}\n")
        for row in below.splitlines() if heading else ():
            if not row.startswith("|"):
                return
            yield row
