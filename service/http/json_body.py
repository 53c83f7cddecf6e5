"""JSON bodies of requests that change something: small, in time, each name once, of one model.

FastAPI would read a body before the key is checked, whatever its size, and keep the last of two
members of one name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from echocast.model.formats.json_object import json_object
from echocast.service.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from echocast.service.http.arrival import arriving
from echocast.service.http.media_types import JSON_TYPES, media_type

LIMIT_BYTES = 1024 * 1024  # a stream's grid of 8192 x 8192 pixels has 300 kB
COMPONENT = "#/components/schemas/{model}"
Body = TypeVar("Body", bound=BaseModel)


async def receive_json(
    stream: AsyncIterator[bytes], content_type: str | None, model: type[Body], seconds: float
) -> Body:
    """What a body says.

    Raises:
        UnsupportedMediaType: It is not sent as JSON.
        MalformedBody: It is empty, or the connection broke.
        BodyTooLarge: It has more than a mebibyte.
        BodyTooSlow: It took longer than ``seconds``.
        UnreadableInput: It is not JSON.
        ContractViolation: It is no object, or a name occurs twice.
        RequestValidationError: It is no ``model``.
    """
    if media_type(content_type)[0] not in JSON_TYPES:
        raise UnsupportedMediaType("Send application/json.")
    content = json_object(await _received(stream, seconds))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        places = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()]
        raise RequestValidationError(places) from error


async def _received(stream: AsyncIterator[bytes], seconds: float) -> bytes:
    content = bytearray()
    async with arriving(seconds):
        async for piece in stream:
            content += piece
            if len(content) > LIMIT_BYTES:
                raise BodyTooLarge(f"A JSON body here must not exceed {LIMIT_BYTES} bytes.")
    if not content:
        raise MalformedBody("The body is empty.")
    return bytes(content)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """The ``openapi_extra`` of a route with such a body."""
    schema = {"$ref": COMPONENT.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {JSON_TYPES[0]: {"schema": schema}}}}


def describe(app: FastAPI, *models: type[BaseModel]) -> None:
    """Add the schemas of bodies, and of problems, to what the app says about itself."""
    inputs: Any = [(model, "validation") for model in models]
    without: Callable[[], dict[str, Any]] = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        _, definitions = models_json_schema(inputs, ref_template=COMPONENT)
        description = without()
        description["components"]["schemas"] |= definitions["$defs"]
        return description

    app.openapi = openapi  # type: ignore[method-assign]
