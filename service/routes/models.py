"""Models: which there are, which one serves and served, and who may change that."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query

from echocast.service.access import Audit, Reader, require
from echocast.service.auth.audit import MACHINE
from echocast.service.auth.keys import Key
from echocast.service.dependencies import ReferenceTime, sent
from echocast.service.http.json_body import described
from echocast.service.http.openapi_problems import refusals
from echocast.service.models.schemas import (
    HistoryView,
    ModelHistory,
    ModelList,
    PromotionRequest,
    RollbackRequest,
)
from echocast.service.resources import AppNowcasts

router = APIRouter(tags=["models"])


async def get_admin(key: Annotated[Key | None, Depends(require("admin"))]) -> str:
    """Who may change what serves, by the name of the key."""
    return key.name if key else MACHINE


Admin = Annotated[str, Depends(get_admin)]
IfMatch = Annotated[
    str | None,
    Header(
        max_length=200,
        description="`version` of the history that the decision rests on, in quotes; 412 where"
        " something was done since.",
    ),
]
Promotion = Annotated[PromotionRequest, Depends(sent(PromotionRequest))]
Rollback = Annotated[RollbackRequest, Depends(sent(RollbackRequest))]
DryRun = Annotated[bool, Query(description="Only check; nothing changes.")]


@router.get("/models", dependencies=[Reader], responses=refusals(401))
async def list_models(nowcasts: AppNowcasts) -> ModelList:
    """The models, their roles, how many workers have each loaded, and what was done last."""
    workers = await nowcasts.presence.look()
    return await asyncio.to_thread(nowcasts.catalogue.view, workers)


@router.get("/models/history", dependencies=[Reader], responses=refusals(401, 404))
async def show_history(
    nowcasts: AppNowcasts,
    at: Annotated[
        ReferenceTime, Query(description="Up to this time; says which model served then.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most entries.")] = 100,
) -> ModelHistory:
    """Promotions, rollbacks and retrainings: who, when, why, on what scores; newest first."""
    return await asyncio.to_thread(nowcasts.catalogue.history, at, limit)


@router.post(
    "/models/{name}/{version}/promote",
    responses=refusals(401, 403, 404, 409, 412, 415),
    openapi_extra=described(PromotionRequest),
)
async def promote_model(
    name: str,
    version: str,
    nowcasts: AppNowcasts,
    who: Admin,
    body: Promotion,
    audit: Audit,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> HistoryView:
    """Let a version serve. Workers load it beside the one that serves, try it, and change over.

    With `dry_run=true` the answer is the entry that would be written, or the refusal. A model that
    its retraining did not let pass needs `despite_gate` in the body.
    """
    promote, model = nowcasts.catalogue.promote, f"{name}/{version}"
    entry = await asyncio.to_thread(promote, model, body, who, _version(if_match), dry_run)
    if not dry_run:
        await audit.note("promote-model", why=entry.why, **entry.facts)
    return entry


def _version(if_match: str | None) -> str | None:
    """The version of the history that ``If-Match`` names; None where it names none, or any."""
    return None if if_match in (None, "*") else (if_match or "").strip().strip('"')


@router.post(
    "/models/rollback",
    responses=refusals(401, 403, 409, 415),
    openapi_extra=described(RollbackRequest),
)
async def roll_back(
    nowcasts: AppNowcasts, who: Admin, body: Rollback, audit: Audit, dry_run: DryRun = False
) -> HistoryView:
    """Let the previous champion serve again; next time, the one before that.

    With `dry_run=true` the answer is the entry that would be written, or the refusal.
    """
    entry = await asyncio.to_thread(nowcasts.catalogue.rollback, body, who, dry_run)
    if not dry_run:
        await audit.note("roll-back-model", why=entry.why, **entry.facts)
    return entry
