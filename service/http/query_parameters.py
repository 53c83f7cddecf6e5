"""Unknown query parameters are refused: with a misspelt one the answer would look right."""

from __future__ import annotations

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from echocast.model.errors import short
from echocast.service.errors import UnknownParameter


async def check_parameters(request: Request) -> None:
    """Make sure that the route knows every query parameter.

    Raises:
        UnknownParameter: It does not know one.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.query_params:
        return
    if any(part.call is accept_any for part in route.dependant.dependencies):
        return
    known = _names(route.dependant)
    for name in request.query_params:
        if name not in known:
            listed = f"known are {', '.join(sorted(known))}" if known else "none is known"
            raise UnknownParameter(f"There is no parameter {short(name)!r} here; {listed}.")


async def accept_any() -> None:
    """Marks a route in the shape of another service, whose clients send what is unknown here: a
    time against caches, a height, colours. As there, it changes nothing.
    """


AnyParameter = Depends(accept_any)


def _names(dependant: Dependant) -> set[str]:
    """The query parameters of a route and of all it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_names(part) for part in dependant.dependencies))
