"""Which models there are: a folder per name and version, aliases beside them. Torch-free.

<root>/<name>/<version>/model.safetensors   the weights
<root>/<name>/<version>/manifest.json       what they are and how they came to be
<root>/<name>/<version>/card.md             the same for people
<root>/aliases.json                         {"champion": "<name>/<version>", ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import CheckpointError

SHIPPED = Path(__file__).parent / "weights"
MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"


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


@dataclass(frozen=True)
class Registry:
    """The models below a root folder.

    Args:
        root: Folder of the models; by default those shipped with Echocast.
    """

    root: Path = SHIPPED

    def aliases(self) -> dict[str, str]:
        """Role -> ``name/version``.

        Raises:
            CheckpointError: The alias file is damaged.
        """
        path = self.root / "aliases.json"
        try:
            aliases: dict[str, str] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise CheckpointError(f"{path} is damaged: {error}.") from None
        return aliases

    def models(self) -> list[ModelCard]:
        """All versions of all models, by name and version."""
        paths = sorted(self.root.glob(f"*/*/{MANIFEST}"))
        return [self._card(path.parent) for path in paths]

    def resolve(self, reference: str = "champion") -> Path:
        """Directory of an alias or of ``name/version``.

        Raises:
            CheckpointError: No such model.
        """
        directory = self.root / self.aliases().get(reference, reference)
        if (
            directory.resolve().is_relative_to(self.root.resolve())
            and (directory / MANIFEST).is_file()
        ):
            return directory
        known = [f"{card.name}/{card.version}" for card in self.models()] + list(self.aliases())
        raise CheckpointError(f"There is no model {reference!r}; known are {sorted(known)}.")

    def card(self, reference: str = "champion") -> ModelCard:
        """The card of an alias or of ``name/version``.

        Raises:
            CheckpointError: No such model.
        """
        return self._card(self.resolve(reference))

    def _card(self, directory: Path) -> ModelCard:
        name, version = directory.parent.name, directory.name
        target = f"{name}/{version}"
        roles = tuple(sorted(role for role, at in self.aliases().items() if at == target))
        return ModelCard(name, version, roles, read_manifest(directory))
