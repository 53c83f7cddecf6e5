"""Every refusal as RFC 9457 problem+json: one table from exception class to status and type."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Scope

from echocast.model.errors import (
    LONGEST_MESSAGE,
    ContractViolation,
    InputError,
    InputTooLarge,
    ModelError,
    NotStored,
    RegistryChanged,
    RegistryConflict,
    RegistryFull,
    UnknownModel,
    UnreadableInput,
    UnsupportedInput,
    short,
)
from echocast.service import errors
from echocast.service.http.allowed_methods import allowed_methods
from echocast.service.http.request_id import current_id
from echocast.workers.errors import (
    AnotherStore,
    ArchiveDamaged,
    ArchiveError,
    CallerQueueFull,
    DiskFull,
    EngineError,
    EngineUnavailable,
    IdempotencyConflict,
    NoFileHandles,
    NotInArchive,
    OutOfMemory,
    QueueFull,
    StreamConflict,
    UnknownStream,
    shortage_of,
)

log = logging.getLogger("echocast.problems")

TYPE_PREFIX = "urn:echocast:problem:"
RETRY = {"Retry-After": "5"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="echocast"'}
MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 10  # of the parameters of one request that an answer names


@dataclass(frozen=True)
class Kind:
    """What callers read about a class of errors; ``slug`` never changes once published."""

    status: int
    slug: str
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


TABLE: dict[type[Exception], Kind] = {
    UnreadableInput: Kind(400, "unreadable-input", "The input cannot be read"),
    errors.MalformedBody: Kind(400, "malformed-body", "The body is malformed"),
    errors.MalformedRequest: Kind(400, "malformed-request", "The request is no HTTP"),
    errors.MissingKey: Kind(401, "missing-key", "An API key is needed", CHALLENGE),
    errors.MissingScope: Kind(403, "missing-scope", "The API key does not cover this"),
    errors.CrossSite: Kind(403, "cross-site", "Pages of other sites may not do this"),
    errors.UnknownHost: Kind(421, "unknown-host", "Not a host name of this service"),
    UnknownModel: Kind(404, "unknown-model", "No such model"),
    errors.UnknownJob: Kind(404, "unknown-job", "No such nowcast"),
    UnknownStream: Kind(404, "unknown-stream", "No such stream"),
    errors.NoForecastYet: Kind(404, "no-forecast-yet", "The stream has no forecast yet"),
    errors.NoMap: Kind(404, "no-map", "The stream has no map"),
    errors.UnknownImage: Kind(404, "unknown-image", "No such image"),
    errors.UnknownRule: Kind(404, "unknown-rule", "No such rule"),
    errors.RuleConflict: Kind(409, "rule-conflict", "The rule is another caller's"),
    RegistryChanged: Kind(412, "registry-changed", "The models have changed since"),
    RegistryConflict: Kind(409, "registry-conflict", "The models do not allow it"),
    RegistryFull: Kind(507, "disk-full", "Too little disk space is left", RETRY),
    errors.StreamPaused: Kind(409, "stream-paused", "The stream is paused"),
    StreamConflict: Kind(409, "stream-conflict", "It is there already, and differs"),
    ArchiveDamaged: Kind(410, "archive-damaged", "What is stored is damaged"),
    NotInArchive: Kind(410, "no-longer-stored", "No longer stored"),
    errors.NotAcceptable: Kind(406, "not-acceptable", "None of the accepted formats exists"),
    errors.HeadTooSlow: Kind(408, "head-too-slow", "The request's head took too long"),
    errors.BodyTooSlow: Kind(408, "body-too-slow", "The body took too long"),
    errors.ForecastNotReady: Kind(409, "forecast-not-ready", "There is no forecast"),
    errors.BodyTooLarge: Kind(413, "body-too-large", "The body is too large"),
    InputTooLarge: Kind(413, "input-too-large", "The input is too large"),
    errors.UnsupportedMediaType: Kind(415, "unsupported-media-type", "Unknown content type"),
    ContractViolation: Kind(422, "contract-violation", "The request breaks a rule"),
    NotStored: Kind(404, "not-stored", "This part of the forecast is not stored"),
    UnsupportedInput: Kind(422, "unsupported-input", "The input is of a kind we do not know"),
    InputError: Kind(422, "unusable-input", "The input cannot be used"),
    errors.UnknownFormat: Kind(422, "unknown-format", "Unknown forecast format"),
    errors.UnknownParameter: Kind(422, "unknown-parameter", "No such parameter"),
    IdempotencyConflict: Kind(422, "idempotency-conflict", "The idempotency key was used before"),
    RequestValidationError: Kind(422, "invalid-parameter", "A parameter is invalid"),
    errors.RateExceeded: Kind(429, "rate-exceeded", "Too many submissions", RETRY),
    errors.HeadTooLarge: Kind(431, "head-too-large", "The request's head is too large"),
    errors.ShareUsed: Kind(429, "share-used", "Your share is used up for now", RETRY),
    CallerQueueFull: Kind(429, "share-used", "Your share is used up for now", RETRY),
    ModelError: Kind(500, "model-unusable", "The model cannot be used"),
    errors.NoWorker: Kind(503, "no-worker", "No worker is there", RETRY),
    errors.Busy: Kind(503, "busy", "Too many uploads at once", RETRY),
    errors.TooManyConnections: Kind(503, "too-many-connections", "Too many connections", RETRY),
    errors.ChildLost: Kind(503, "child-lost", "The processes that did the work were ended", RETRY),
    errors.Stopping: Kind(503, "stopping", "The service stops", RETRY),
    QueueFull: Kind(503, "queue-full", "The queue is full", RETRY),
    EngineUnavailable: Kind(503, "engine-unreachable", "The engine does not answer", RETRY),
    AnotherStore: Kind(503, "another-store", "The engine's jobs have their files elsewhere", RETRY),
    EngineError: Kind(503, "engine-unreachable", "The engine does not answer", RETRY),
    RedisError: Kind(503, "engine-unreachable", "The engine does not answer", RETRY),
    OutOfMemory: Kind(503, "out-of-memory", "Memory ran out", RETRY),
    NoFileHandles: Kind(503, "no-file-handles", "Too many files are open", RETRY),
    DiskFull: Kind(507, "disk-full", "Too little disk space is left", RETRY),
    ArchiveError: Kind(500, "archive-damaged", "The archive cannot give what it should"),
}
LASTING = (500, 507)  # ours, and not over in a moment
current_problem: ContextVar[tuple[str, str]] = ContextVar("current_problem", default=("", ""))
"""Slug and detail of the problem that answers the request; empty where none does."""
INTERNAL = Kind(500, "internal", "Something went wrong on our side")


def kind_of(error: Exception) -> Kind:
    """The entry of the table that fits an error best."""
    return next((TABLE[cls] for cls in type(error).__mro__ if cls in TABLE), INTERNAL)


def cause_of(error: Exception) -> Exception:
    """What decides the answer: a shortage of the machine's, where one is behind the error."""
    if isinstance(error, RequestValidationError):  # its text is a caller's
        return error
    return shortage_of(error) or error


def problem_of(error: Exception) -> JSONResponse:
    """The answer that tells a caller about an error."""
    error = cause_of(error)
    kind = kind_of(error)
    members: dict[str, Any] = {"detail": _detail(error, kind)}
    if isinstance(error, InputError):
        members["rule"] = error.rule
    if isinstance(error, RequestValidationError):
        members["errors"] = [_place(entry) for entry in error.errors()[:MOST_ERRORS]]
    return problem(kind, **members)


def problem(kind: Kind, **members: Any) -> JSONResponse:
    """A problem+json answer with extension members; the request's id where the fault is ours."""
    if kind.status >= 500 and (request_id := current_id.get()):
        members["request_id"] = request_id
    current_problem.set((kind.slug, str(members.get("detail", ""))))
    body = {"type": TYPE_PREFIX + kind.slug, "title": kind.title, "status": kind.status, **members}
    return JSONResponse(body, kind.status, dict(kind.headers), MEDIA_TYPE)


def answer_to(scope: Scope, error: Exception, retry_after_seconds: int) -> JSONResponse:
    """The answer of a request that ended in an error; what is ours and lasts is logged."""
    kind = kind_of(cause_of(error))
    if kind.status in LASTING:
        log.error(
            "%s %.200r is answered by %d %s (request %s): %s",
            *(scope["method"], scope["path"], kind.status, kind.slug, current_id.get(), error),
            exc_info=error if kind.status == 500 else None,
        )
    response = problem_of(error)
    if "retry-after" in response.headers:
        known = getattr(error, "retry_after_seconds", None)
        response.headers["retry-after"] = str(known or retry_after_seconds)
    return response


def install(app: FastAPI, retry_after_seconds: int) -> None:
    """Answer every error of the table and every HTTP error by problem+json."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return answer_to(request.scope, error, retry_after_seconds)

    for cls in TABLE:
        app.add_exception_handler(cls, answer)
    app.add_exception_handler(HTTPException, _answer_http)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    slug = phrase.lower().replace(" ", "-")
    kind = Kind(error.status_code, slug, phrase, _headers(request, error))
    detail = f"{request.method} {short(request.url.path)!r} is answered by: {error.detail}."
    return problem(kind, detail=detail)


def _headers(request: Request, error: HTTPException) -> Mapping[str, str]:
    """Headers of an HTTP error; which methods a path has, whatever route refused this one."""
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return error.headers or {}
    return {"Allow": ", ".join(sorted(allowed_methods(request)))}


def _detail(error: Exception, kind: Kind) -> str:
    if isinstance(error, RequestValidationError):
        places = [_place(entry) for entry in error.errors()[:MOST_ERRORS]]
        text = "; ".join(f"{'.'.join(place['where'])}: {place['message']}" for place in places)
        return short(text, LONGEST_MESSAGE)
    if isinstance(error, RedisError):
        return "The engine that carries the jobs does not answer."
    if kind is INTERNAL:
        return "The request could not be answered; the log says why, under the request's id."
    return short(error, LONGEST_MESSAGE)


def _place(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"where": [short(part) for part in entry["loc"]], "message": short(entry["msg"], 200)}
