"""Which models there are, and which one answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from model.registry import ModelCard, Registry
from service.schemas import ModelList, ModelView
from workers.job import WorkerInfo

CHAMPION = "champion"


class Catalogue:
    """The registry as the gateway uses it."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def champion(self) -> tuple[str, str]:
        """Name and version of the model that answers.

        Raises:
            CheckpointError: There is none.
        """
        directory = self.registry.resolve(CHAMPION)
        return directory.parent.name, directory.name

    def view(self, workers: Iterable[WorkerInfo]) -> ModelList:
        """All models, with how many workers have each loaded."""
        loaded = Counter(model for worker in workers for model in worker.models)
        return ModelList(models=[_view(card, loaded) for card in self.registry.models()])


def _view(card: ModelCard, loaded: Counter[str]) -> ModelView:
    network = card.manifest.get("network", {})
    return ModelView(
        name=card.name,
        version=card.version,
        aliases=list(card.aliases),
        family=network.get("family"),
        equations=network.get("equations"),
        parameters=card.manifest.get("parameters"),
        equals_extrapolation=bool(card.manifest.get("equals_extrapolation", False)),
        loaded_by=loaded[f"{card.name}/{card.version}"],
        manifest=dict(card.manifest),
    )
