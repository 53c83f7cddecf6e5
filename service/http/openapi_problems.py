"""Refusals as OpenAPI describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from echocast.service.http.problems import MEDIA_TYPE
from echocast.service.http.schemas import Problem

SCHEMA = {"schema": {"$ref": "#/components/schemas/Problem"}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of a route that may answer these statuses by problem+json."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": Problem,
            "content": {MEDIA_TYPE: SCHEMA},
        }
        for status in statuses
    }
