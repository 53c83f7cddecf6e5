"""Rules of messages about rain at a place."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from echocast.service.access import Audit, Reader, Submitter
from echocast.service.dependencies import sent
from echocast.service.http.json_body import described
from echocast.service.http.openapi_problems import refusals
from echocast.service.notification.book import RuleBook
from echocast.service.notification.schemas import RuleDeclaration, RuleList, RuleView
from echocast.service.resources import AppResources

router = APIRouter(tags=["rules"])
Declaration = Annotated[RuleDeclaration, Depends(sent(RuleDeclaration))]


async def get_rules(resources: AppResources) -> RuleBook:
    """The rules of this app."""
    return RuleBook.of(resources.settings)


Rules = Annotated[RuleBook, Depends(get_rules)]


@router.get("/rules", dependencies=[Reader], responses=refusals(401))
async def list_rules(rules: Rules) -> RuleList:
    """The rules that callers with this key made; with one of scope admin, all."""
    return RuleList(rules=await asyncio.to_thread(rules.views))


@router.get("/rules/{name}", dependencies=[Reader], responses=refusals(401, 404))
async def show_rule(name: str, rules: Rules) -> RuleView:
    """One rule; of its addresses only scheme and host."""
    return await asyncio.to_thread(rules.view, name)


@router.put(
    "/rules/{name}",
    response_model=RuleView,
    responses={201: {"model": RuleView}, **refusals(401, 403, 404, 409, 415)},
    openapi_extra=described(RuleDeclaration),
)
async def put_rule(
    name: str,
    rules: Rules,
    resources: AppResources,
    _: Submitter,
    body: Declaration,
    audit: Audit,
) -> JSONResponse:
    """Make a rule, or replace it: a message is sent when it rains, or soon will, at a place, once
    per event. A rule that is changed begins anew.
    """
    rules.check_stream(body.stream)
    await resources.streams.stream(body.stream)
    new = await asyncio.to_thread(rules.put, name, body)
    await audit.note("put-rule", rule=name, stream=body.stream, new=new)
    view = await asyncio.to_thread(rules.view, name)
    return JSONResponse(view.model_dump(mode="json"), 201 if new else 200)


@router.delete(
    "/rules/{name}",
    status_code=204,
    response_class=Response,
    responses=refusals(401, 403, 404),
)
async def delete_rule(name: str, rules: Rules, _: Submitter, audit: Audit) -> None:
    """Delete a rule; nothing more is sent by it."""
    await asyncio.to_thread(rules.delete, name)
    await audit.note("delete-rule", rule=name)
