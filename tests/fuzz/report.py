"""What a run found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Report:
    """What a run found.

    Args:
        outcomes: How many inputs had which answer, in a few words each.
        faults: What is wrong, in words.
        bad: Kind and content of the inputs that had no clear answer.
        lines: More to print, figures for example.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    bad: list[tuple[str, bytes]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def add(self, outcome: str, fault: str, name: str, kind: str, content: bytes) -> None:
        """Note the answer to one input; ``fault`` is empty where nothing is wrong with it."""
        self.outcomes[outcome] += 1
        if fault:
            self.faults.append(f"{name}: {fault}")
            self.bad.append((kind, content))
            print(self.faults[-1], flush=True)

    def show(self, seed: int) -> None:
        """Print it."""
        for line in self.lines:
            print(line)
        for outcome, count in self.outcomes.most_common():
            print(f"{count:7d} {outcome}")
        for fault in self.faults:
            print(f"FAULT {fault}")
        total, bad = self.outcomes.total(), len(self.bad)
        print(f"{total:7d} inputs, {bad} without a clear answer (seed {seed})")

    def keep(self, folder: Path) -> None:
        """Write the inputs without a clear answer to files."""
        for number, (kind, content) in enumerate(self.bad):
            folder.mkdir(exist_ok=True)
            (folder / f"{number:03d}-{kind}").write_bytes(content)
