"""Which models there are, which one answers, and what was done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from echocast.model.errors import CheckpointError, UnknownModel
from echocast.model.network.config import NetworkConfig
from echocast.model.registry.gate import Gate, despite_gate
from echocast.model.registry.history import HistoryEntry
from echocast.model.registry.manifest import ModelCard
from echocast.model.registry.registry import Registry
from echocast.service.models.schemas import (
    DespiteGate,
    GateView,
    HistoryView,
    ModelHistory,
    ModelList,
    ModelView,
    PromotionRequest,
    RollbackRequest,
    Serving,
)
from echocast.workers.jobs.worker_info import WorkerInfo

NEWEST = 10  # entries of the history beside the list of models


class Catalogue:
    """The registry as the gateway uses it; it is read anew each time, so it follows at once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def champion(self) -> tuple[str, str]:
        """Name and version of the model that answers.

        Raises:
            CheckpointError: There is none.
        """
        try:
            directory = self.registry.reader.resolve()
        except UnknownModel as error:
            raise CheckpointError(f"No model serves: {error}") from error
        return directory.parent.name, directory.name

    def network(self, name: str, version: str) -> NetworkConfig:
        """Configuration of a model's network: how many frames go in and come out.

        Raises:
            UnknownModel: There is no such model.
        """
        return self.registry.reader.network(f"{name}/{version}")

    def view(self, workers: Iterable[WorkerInfo]) -> ModelList:
        """All models, with how many workers have each loaded, and what was done last."""
        version = self.registry.reader.version()  # first: what follows is as new, or newer
        loaded = Counter(model for worker in workers for model in worker.models)
        entries = self.registry.reader.history()
        return ModelList(
            models=[_view(card, loaded, entries) for card in self.registry.reader.models()],
            aliases=dict(self.registry.reader.roles().by_role),
            history=_newest(entries, NEWEST),
            version=version,
        )

    def history(self, at: datetime | None, limit: int) -> ModelHistory:
        """What was done, up to a time, and which model served then.

        Raises:
            UnknownModel: The history begins later than that time.
        """
        version = self.registry.reader.version()
        entries = self.registry.reader.history()
        if at is None:
            return ModelHistory(entries=_newest(entries, limit), version=version)
        name, _, version = self.registry.reader.serving_at(at).partition("/")
        return ModelHistory(
            serving=Serving(name=name, version=version, at=at),
            entries=_newest([entry for entry in entries if entry.time <= at], limit),
            version=version,
        )

    def promote(
        self, model: str, request: PromotionRequest, who: str, if_match: str | None, dry_run: bool
    ) -> HistoryView:
        """Let a version serve, or only check that it could.

        Raises:
            UnknownModel: There is no such version.
            RegistryConflict: It serves already or can't serve, did not pass the gate, or another
                champion was expected.
            RegistryChanged: The history has another version.
            RegistryError: The registry can't be written.
        """
        entry = self.registry.promote(
            model,
            who=who,
            why=request.why,
            scores=request.scores,
            expected=request.expected,
            version=if_match,
            despite_gate=request.despite_gate,
            dry_run=dry_run,
        )
        return history_view(entry)

    def rollback(self, request: RollbackRequest, who: str, dry_run: bool) -> HistoryView:
        """Let the previous champion serve again, or only check that it could.

        Raises:
            RegistryConflict: There is none, it can't serve, or another champion was expected.
            RegistryError: The registry can't be written.
        """
        entry = self.registry.rollback(
            who=who,
            why=request.why,
            scores=request.scores,
            expected=request.expected,
            dry_run=dry_run,
        )
        return history_view(entry)


def history_view(entry: HistoryEntry) -> HistoryView:
    """An entry as callers see it."""
    return HistoryView.model_validate(entry.to_json())


def _newest(entries: list[HistoryEntry], count: int) -> list[HistoryView]:
    return [history_view(entry) for entry in entries[::-1][:count]]


def _view(card: ModelCard, loaded: Counter[str], entries: Sequence[HistoryEntry]) -> ModelView:
    network = card.manifest.get("network", {})
    return ModelView(
        name=card.name,
        version=card.version,
        aliases=list(card.aliases),
        family=network.get("family"),
        equations=network.get("equations"),
        parameters=card.manifest.get("parameters"),
        equals_extrapolation=bool(card.manifest.get("equals_extrapolation", False)),
        loaded_by=loaded[card.reference],
        gate=_gate(card, entries),
        manifest=dict(card.manifest),
    )


def _gate(card: ModelCard, entries: Sequence[HistoryEntry]) -> GateView | None:
    gate = Gate.of_manifest(card.manifest)
    if gate is None:
        return None
    past = despite_gate(card.reference, entries)
    despite = DespiteGate(time=past.time, who=past.who, why=past.why) if past else None
    return GateView(**gate.to_json(), despite_gate=despite)
