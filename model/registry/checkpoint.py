"""Checkpoints: weights as safetensors, everything else as JSON beside them; never pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from echocast.model.errors import CheckpointError
from echocast.model.forecast import ModelIdentity
from echocast.model.network.network import Network, channels_last
from echocast.model.registry.manifest import (
    FORMAT,
    WEIGHTS,
    amend,
    read_manifest,
    verify,
    write_manifest,
)

LONGEST_REASON = 300  # characters; torch names every parameter that does not fit
__all__ = ["FORMAT", "amend", "equals_extrapolation", "load", "save"]


def save(network: Network, directory: Path, manifest: Mapping[str, Any]) -> None:
    """Write a checkpoint directory; the manifest is written last, so that a folder
    that was not finished is no checkpoint.

    Args:
        network: Weights and configuration.
        directory: ``<name>/<version>``, made if need be.
        manifest: How the weights came to be: data, command, seed, scores.
    """
    directory.mkdir(parents=True, exist_ok=True)
    weights = directory / WEIGHTS
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, weights)
    weights.chmod(0o644)  # the writer makes it private; a served model is not
    parameters = sum(parameter.numel() for parameter in network.parameters())
    facts = {
        "format": FORMAT,
        "name": directory.parent.name,
        "version": directory.name,
        "network": network.config.to_json(),
        "parameters": parameters,
        "equals_extrapolation": equals_extrapolation(network),
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    write_manifest(directory, {**facts, **manifest})


def equals_extrapolation(network: Network) -> bool:
    """True while all heads are zero on the newest frame: the forecast is pure extrapolation."""
    config = network.config
    weights = network.state_dict().items()
    untrained = not any(bool(value.any()) for key, value in weights if "head." in key)
    return config.residual and config.base == "newest" and untrained


def load(directory: Path) -> tuple[Network, ModelIdentity]:
    """Read a checkpoint directory.

    Returns:
        The network in evaluation mode and its identity.

    Raises:
        CheckpointError: Missing, damaged, of another format, or not finite.
    """
    config, sha256 = verify(directory)
    manifest = read_manifest(directory)
    network = Network(config)
    try:
        network.load_state_dict(load_file(directory / WEIGHTS))
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise CheckpointError(
            f"The weights in {directory} do not fit their manifest: {reason}"
        ) from None
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise CheckpointError(f"The weights in {directory} hold values that are not finite.")
    identity = ModelIdentity(str(manifest["name"]), str(manifest["version"]), sha256)
    return channels_last(network.eval()), identity
