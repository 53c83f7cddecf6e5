"""What is done to the service, and when: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

ROLES = ("worker", "gateway", "valkey", "engine", "decoder")
PAIRS = (*combinations(ROLES, 2), ("worker", "worker"))
# Kills for one other fault of a kind: what takes long comes rarely, in a short run not at all.
KILLS_FOR_ONE = {"stop": 10, "terminate": 12, "full": 12, "damage": 3, "greedy": 20}


@dataclass(frozen=True)
class Blow:
    """One fault.

    Args:
        kind: ``kill`` (of all targets at once), ``again`` (Valkey is killed, and once more while
            it starts), ``stop`` (for some seconds), ``terminate`` (the gateway, with waiters),
            ``full`` (the disk, for some seconds), ``damage`` (a file) or ``greedy`` (a caller).
        pause: Seconds before it.
        targets: Roles of processes.
        seconds: How long it lasts; of ``again``, between the two kills.
    """

    kind: str
    pause: float
    targets: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        """How many processes are killed."""
        return len(self.targets) if self.kind in ("kill", "again") else 0

    def __str__(self) -> str:
        words = [self.kind, " + ".join(self.targets)]
        return " ".join([*filter(None, words), f"{self.seconds:.1f} s" if self.seconds else ""])


def schedule(kills: int, seed: int) -> list[Blow]:
    """All blows of a run, in order."""
    chance = random.Random(seed)
    blows = [*_kills(kills, chance), *_others(kills, chance)]
    return chance.sample(blows, len(blows))


def _kills(count: int, chance: random.Random) -> Iterator[Blow]:
    """Single processes, pairs, and Valkey twice, with so many kills together."""
    while count > 0:
        kind = chance.choices(("single", "pair", "again"), (6, 3, 1))[0] if count > 1 else "single"
        targets: tuple[str, ...] = (chance.choice(ROLES),)
        if kind == "pair":
            targets = chance.choice(PAIRS)
        pause = chance.uniform(0.3, 4.0)
        if kind == "again":
            yield Blow("again", pause, ("valkey", "valkey"), chance.uniform(0.05, 1.5))
        else:
            yield Blow("kill", pause, targets)
        count -= 2 if kind == "again" else len(targets)


def _others(kills: int, chance: random.Random) -> Iterator[Blow]:
    for kind, kills_for_one in KILLS_FOR_ONE.items():
        for _ in range(round(kills / kills_for_one)):
            targets = (chance.choice(ROLES),) if kind == "stop" else ()
            seconds = chance.uniform(3.0, 12.0) if kind == "stop" else 0.0
            if kind == "full":
                seconds = chance.uniform(2.0, 6.0)
            yield Blow(kind, chance.uniform(0.3, 4.0), targets, seconds)
