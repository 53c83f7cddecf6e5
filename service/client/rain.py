"""Asking a running service for the rain at places, as long as a process runs."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from echocast.service.client.secret import client_secret, key_header

PATIENCE_SECONDS: Final = 20.0  # with the service


async def with_service(
    url: str, key_file: Path | None, work: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]
) -> None:
    """Do some work with a client of the service until SIGINT or SIGTERM.

    Args:
        url: Base URL of the service.
        key_file: Holds the key that is sent; None: the one in ``ECHOCAST_KEY``, if any.
        work: What is done; it is cancelled by the signal.

    Raises:
        KeyUnusable: The key can't be read.
    """
    secret = client_secret(key_file, os.environ)
    async with httpx.AsyncClient(
        base_url=url, headers=key_header(secret), timeout=PATIENCE_SECONDS, trust_env=False
    ) as service:
        task = asyncio.create_task(work(service))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def rain_of(
    name: str,
    service: httpx.AsyncClient,
    stream: str,
    params: Mapping[str, Any],
    log: logging.Logger,
) -> dict[str, Any] | None:
    """What the service answers about the rain at a place; None where it does not, or has no
    forecast.

    Args:
        name: Of the place, or of what asks, in log lines.
        service: Client of the service.
        stream: Whose rain it is.
        params: Parameters of ``/rain``: place, language and so on.
        log: Where it is said that there is no answer.
    """
    try:
        answer = await service.get(f"/streams/{stream}/rain", params=dict(params))
        if answer.is_success:
            rain: dict[str, Any] = answer.json()
            return rain
        log.warning("No rain of %s: HTTP %d %s", name, answer.status_code, answer.text)
    except httpx.HTTPError as error:
        log.warning("No rain of %s: %s", name, error or type(error).__name__)
    return None
