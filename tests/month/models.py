"""Tiny networks: three that equal extrapolation, and two that forecast too much rain.

One of these is believed when it is loaded, and shows only by its scores; the other is so far from
extrapolation that it is refused.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from echocast.model.network.config import PRESETS, replace
from echocast.model.network.network import Network
from echocast.model.registry.checkpoint import save

FIRST, SECOND, THIRD, WORSE, ABSURD = (f"tiny/{number}" for number in (1, 2, 3, 4, 5))
TOO_MUCH_DBZ = {WORSE: 8.0, ABSURD: 15.0}
SCALE_DBZ = 70.0  # of the head's outputs


def registry_of_five(root: Path) -> Path:
    """A registry whose champion is the first."""
    config = replace(PRESETS["radar-small"], hidden_channels=4, base="newest", kernel=1, layers=2)
    for seed, reference in enumerate((FIRST, SECOND, THIRD, WORSE, ABSURD)):
        torch.manual_seed(seed)
        network = Network(config)
        _worsen(network, config.patch**2, TOO_MUCH_DBZ.get(reference, 0.0))
        save(network, root / reference, {})
    (root / "aliases.json").write_text(json.dumps({"champion": FIRST}))
    return root


def _worsen(network: Network, pixels: int, too_much_dbz: float) -> None:
    """Add rain everywhere, and to the probability of all thresholds."""
    with torch.no_grad():
        network.head.bias[:pixels] += too_much_dbz / SCALE_DBZ
        network.head.bias[pixels : 2 * pixels] += too_much_dbz / 2
