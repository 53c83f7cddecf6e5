"""Refusals as OpenAPI describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from echocast.service.http.problems import MEDIA_TYPE

# What any request may meet: no HTTP, a head or body too slow or too large, a foreign host name, an
# unknown parameter, or a service that is full, short of something, about to stop or at fault.
ANYWHERE = (400, 408, 413, 421, 422, 431, 500, 503, 507)
SCHEMA = {"schema": {"$ref": "#/components/schemas/Problem"}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of a route that may answer these statuses by problem+json.

    Those of :data:`ANYWHERE` stand at the app, and so does the schema, once: FastAPI would build a
    ``model`` again for each status of each route, at every start.
    """
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: SCHEMA},
        }
        for status in statuses
    }
