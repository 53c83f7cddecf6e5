"""The arrival of a request's body: it ends in time, or the request is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect

from echocast.service.errors import BodyTooSlow, MalformedBody


@asynccontextmanager
async def arriving(seconds: float) -> AsyncIterator[None]:
    """Read a body within this context.

    Raises:
        MalformedBody: The connection broke.
        BodyTooSlow: It took longer than ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except ClientDisconnect as error:
        raise MalformedBody("The connection broke while the body arrived.") from error
    except TimeoutError as error:
        raise BodyTooSlow(f"The body did not arrive within {seconds:g} seconds.") from error
