"""Manifests: what the weights in a checkpoint directory are, as JSON beside them; torch-free."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.errors import CheckpointError
from echocast.model.network.config import NetworkConfig

MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
FORMAT = 1


@dataclass(frozen=True)
class ModelCard:
    """One version of a model, as the registry knows it.

    Args:
        name: Name of the model.
        version: Version within the name.
        aliases: Roles it plays, e.g. ``champion``.
        manifest: What its weights are and how they came to be.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    manifest: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """``name/version``."""
        return f"{self.name}/{self.version}"


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a checkpoint directory.

    Raises:
        CheckpointError: There is none, or it is not JSON.
    """
    path = directory / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"No checkpoint: there is no {path}.") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from None
    return manifest


def network_config(manifest: Mapping[str, Any]) -> NetworkConfig:
    """The network that a manifest describes; what it does not name has the default value.

    Raises:
        ModelError: This version of Echocast has no such network.
    """
    return NetworkConfig.from_json(manifest.get("network", {}))


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest at once: a reader sees the old one or the new one."""
    new = directory / (MANIFEST + ".new")
    new.write_text(json.dumps(manifest, indent=2) + "\n")
    new.replace(directory / MANIFEST)


def amend(directory: Path, facts: Mapping[str, Any]) -> None:
    """Add facts to the manifest of a checkpoint, or replace some."""
    write_manifest(directory, {**read_manifest(directory), **facts})


def verify(directory: Path) -> tuple[NetworkConfig, str]:
    """Check a checkpoint without loading it; whether it runs is not checked.

    Returns:
        The network's configuration and the SHA-256 of the weights.

    Raises:
        CheckpointError: It has another format, lacks a file or a fact, or its weights are not
            those of its manifest.
        ModelError: This version of Echocast has no such network.
    """
    manifest = read_manifest(directory)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{directory} has checkpoint format {manifest.get('format')!r}; this version of"
            f" Echocast reads format {FORMAT}."
        )
    if missing := {"network", "weights_sha256"} - manifest.keys():
        raise CheckpointError(f"The manifest of {directory} does not say its {sorted(missing)}.")
    sha256 = _verified_hash(directory / WEIGHTS, str(manifest["weights_sha256"]))
    return network_config(manifest), sha256


def _verified_hash(weights: Path, expected: str) -> str:
    """SHA-256 of the weights file, which must be the manifest's."""
    try:
        with weights.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise CheckpointError(f"No weights: there is no {weights}.") from None
    if actual != expected:
        raise CheckpointError(
            f"The weights in {weights} have the SHA-256 {actual}, but their manifest says"
            f" {expected}: one of them was changed."
        )
    return actual
