"""Models in requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from echocast.service.http.described_model import DescribedModel
from echocast.service.http.schemas import Answer, ModelName


class DespiteGate(Answer):
    """Why a model serves or served that its retraining did not let pass."""

    time: datetime
    who: str
    why: str


class GateView(Answer):
    """The verdict of the retraining that made a model."""

    verdict: str
    """``promote``, ``reject`` or ``insufficient evidence``."""
    why: str
    report: str
    """Its page, below the folder of the models."""
    despite_gate: DespiteGate | None
    """The last promotion that passed over the verdict; null where none did."""


class ModelView(Answer):
    """One version of a model."""

    name: str
    version: str
    aliases: list[str]
    """Roles it plays, e.g. ``champion``."""
    family: str | None
    """Which recurrent cells it is made of, e.g. ``mim``."""
    equations: str | None
    """``paper``, the printed equations, or ``reference``, those of the public implementations."""
    parameters: int | None
    """Trained numbers (count)."""
    equals_extrapolation: bool
    """True where the network adds nothing: its forecast is pure extrapolation."""
    loaded_by: int
    """Live workers that have it loaded (count)."""
    gate: GateView | None
    """Null for models that no retraining made."""
    manifest: dict[str, object]


class HistoryView(Answer):
    """What was done to the models once."""

    time: datetime
    """When, UTC."""
    what: str
    """``start``, ``promote``, ``rollback``, ``alias``, ``retrain`` or another action."""
    who: str
    why: str
    facts: dict[str, Any]
    """What belongs to it; ``changed`` names the roles that went from which model to which."""
    scores: dict[str, Any] | None = None
    """What the decision rested on."""
    aliases: dict[str, str] | None = None
    """Role -> ``name/version`` from then on; null where that did not change."""


class ModelList(Answer):
    """All models of the registry."""

    models: list[ModelView]
    aliases: dict[str, str]
    """Role -> ``name/version``."""
    history: list[HistoryView]
    """What was done last, newest first; all of it is at ``/models/history``."""
    version: str
    """Of the history, another one after each entry; for ``If-Match`` of a promotion."""


class Serving(ModelName):
    """The model that served at a time."""

    at: datetime


class ModelHistory(Answer):
    """What was done to the models, newest first."""

    serving: Serving | None = None
    """The champion at the time that was asked for; null where none was."""
    entries: list[HistoryView]
    version: str
    """Of the whole history, another one after each entry; for ``If-Match`` of a promotion."""


class RollbackRequest(DescribedModel):
    """Why the previous model is called back; the API key says by whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    why: str = Field(min_length=1, max_length=1000)
    """The reason, in a sentence."""
    scores: Mapping[str, Any] | None = None
    """What the decision rests on; stored as it is."""
    expected: str | None = Field(default=None, max_length=200)
    """``name/version`` of the champion that shall go; refused where another one serves."""


class PromotionRequest(RollbackRequest):
    """Why a model is promoted; the API key says by whom."""

    despite_gate: bool = False
    """Whether it may serve although its retraining did not let it pass."""
