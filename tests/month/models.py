"""Tiny networks: three that equal extrapolation, and one that forecasts far too much rain."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from echocast.model.network.config import PRESETS, replace
from echocast.model.network.network import Network
from echocast.model.registry.checkpoint import save

FIRST, SECOND, THIRD, WORSE = (f"tiny/{number}" for number in (1, 2, 3, 4))
TOO_MUCH_DBZ = 15.0
SCALE_DBZ = 70.0  # of the head's outputs


def registry_of_four(root: Path) -> Path:
    """A registry whose champion is the first."""
    config = replace(PRESETS["radar-small"], hidden_channels=4, base="newest", kernel=1, layers=2)
    for seed, reference in enumerate((FIRST, SECOND, THIRD, WORSE)):
        torch.manual_seed(seed)
        network = Network(config)
        if reference == WORSE:
            _worsen(network, config.patch**2)
        save(network, root / reference, {})
    (root / "aliases.json").write_text(json.dumps({"champion": FIRST}))
    return root


def _worsen(network: Network, pixels: int) -> None:
    """Add rain everywhere, and to the probability of all thresholds."""
    with torch.no_grad():
        network.head.bias[:pixels] += TOO_MUCH_DBZ / SCALE_DBZ
        network.head.bias[pixels : 2 * pixels] += TOO_MUCH_DBZ / 2
