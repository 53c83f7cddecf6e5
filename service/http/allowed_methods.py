"""Which methods a path has: one route refuses a method, though others may have the same path."""

from __future__ import annotations

from fastapi import Request
from starlette.routing import Match

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(request: Request) -> set[str]:
    """The methods of all routes of a request's path; HEAD where there is GET."""
    allowed = {method for method in METHODS if _has(request, method)}
    return allowed | {"HEAD"} if "GET" in allowed else allowed


def _has(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] == Match.FULL for route in request.app.routes)
