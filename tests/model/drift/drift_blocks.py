"""Blocks of made-up counts: cheap weather for the charts of drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.drift.detector import Drift
from echocast.model.verification.counts import CANARY, DECODED, EXTRAPOLATION, MODEL, PERSISTENCE

FIRST = datetime(2026, 7, 1, tzinfo=UTC)
FRAMES, PIXELS = 72, 10_000


def blocks(
    seed: int,
    number: int,
    *,
    after: int = 0,
    model: float = 0.03,
    canary: float | None = None,
    standing: float = -0.15,
    strong: float = 0.0,
    received: int = FRAMES,
    dry: float = 0.3,
) -> Iterator[Block]:
    """Blocks of changing difficulty in which the methods' CSI differ by set amounts.

    Args:
        seed: Of the weather.
        number: How many.
        after: How many came before.
        model: CSI of the model less that of decoded extrapolation.
        canary: The same of the canary; None: it is the model.
        standing: CSI of persistence less that of extrapolation.
        strong: How many classes stronger the echoes are.
        received: Frames that came, of 72.
        dry: Share of blocks without rain.
    """
    random = np.random.default_rng(seed)
    for index in range(after + number):
        usual = 0.25 + 0.15 * random.random()
        noise = random.normal(0, 0.005, 3)
        is_dry, intensity = random.random() < dry, random.normal(3, 0.2)
        if index < after:
            continue
        begin = FIRST + index * BLOCK
        if is_dry:
            yield Block(begin, FRAMES, received, counts_of_dry(received))
            continue
        gains = {
            MODEL: model + noise[0],
            CANARY: model + noise[0] if canary is None else canary + noise[1],
            DECODED: 0.0,
            EXTRAPOLATION: 0.0,
            PERSISTENCE: standing + noise[2],
        }
        counts = {
            f"{method}|{threshold}": table(usual + gain)
            for method, gain in gains.items()
            for threshold in (20, 30, 40)
        }
        classes = 1000 * np.exp(-np.arange(12) / intensity)
        shifted = np.interp(np.arange(12) - strong, np.arange(12), classes, left=0)
        counts["histogram|dbz"] = [PIXELS, *shifted.astype(int).tolist()]
        counts["pixels|missing"] = [received * PIXELS, 0]
        yield Block(begin, FRAMES, received, counts)


def table(csi: float) -> list[int]:
    """Unbiased counts of that CSI."""
    hits = round(10_000 * csi)
    wrong = (10_000 - hits) // 2
    return [hits, wrong, wrong, 90_000]


def counts_of_dry(received: int) -> dict[str, list[int]]:
    return {"histogram|dbz": [PIXELS, *[0] * 12], "pixels|missing": [received * PIXELS, 0]}


def without_canary(given: Iterator[Block]) -> Iterator[Block]:
    for block in given:
        counts = {n: v for n, v in block.counts.items() if not n.startswith(CANARY)}
        yield replace(block, counts=counts)


def run_detector(given: Iterable[Block]) -> Drift:
    """The state after some blocks, in any order."""
    state = Drift()
    for block in sorted(given, key=lambda block: block.begin):
        state = state.update(block)
    return state
