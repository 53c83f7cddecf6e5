"""The address of the engine, as redis-py writes it and as Celery writes it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from echocast.workers.errors import EngineRefused

SOCKET_NAME = "valkey.sock"
SOCKET_SCHEMES = ("unix", "redis+socket")
NETWORK_SCHEMES = ("redis", "rediss")
ANSWER_SECONDS: Final = 5.0  # an engine that says nothing for so long counts as away
SILENCE_SECONDS: Final = (10, 5, 3)  # idle, then between probes (s), then how many are lost
# Celery alone would trust any certificate where none of these is named, and send it the password.
CHECKED: Final = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}


def embedded_url(engine_directory: Path) -> str:
    """Address of the embedded engine that lives in a directory, whether it runs or not."""
    return socket_url(engine_directory.resolve() / SOCKET_NAME)


def socket_url(path: Path) -> str:
    """Address of an engine behind a unix socket, as redis-py writes it."""
    return f"unix://{quote(str(path))}?db=0"


def client_url(url: str) -> str:
    """The address as redis-py (also ``redis.asyncio``) understands it.

    Raises:
        EngineRefused: The scheme is none of redis, rediss, unix, redis+socket.
    """
    if _scheme(url) in NETWORK_SCHEMES:
        return _checked(url)
    path, database = _socket_parts(url)
    return f"unix://{quote(path)}?db={database}"


def broker_url(url: str) -> str:
    """The address as Celery understands it.

    Raises:
        EngineRefused: The scheme is none of redis, rediss, unix, redis+socket.
    """
    if _scheme(url) in NETWORK_SCHEMES:
        return _checked(url)
    path, database = _socket_parts(url)
    return f"redis+socket://{quote(path)}?virtual_host={database}"


def connection_options(url: str) -> dict[str, Any]:
    """How a silent network is noticed: for redis-py, and as Celery's transport options.

    A cable that is pulled closes no connection: without these, a command waits for ever.
    """
    if _scheme(url) not in NETWORK_SCHEMES:
        return {}
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    probes = {
        getattr(socket, name): value
        for name, value in zip(names, SILENCE_SECONDS, strict=True)
        if hasattr(socket, name)
    }
    return {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "socket_keepalive_options": probes,
        "health_check_interval": int(ANSWER_SECONDS),
    }


def without_password(url: str) -> str:
    """The address as a log may show it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _checked(url: str) -> str:
    """The address of an engine whose certificate is checked, unless the address says otherwise."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = {**CHECKED, **dict(parse_qsl(parts.query))}
    if query["ssl_cert_reqs"] == "none":
        query["ssl_check_hostname"] = "false"  # which the standard library demands
    return parts._replace(query=urlencode(query, safe="/")).geturl()


def _scheme(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in SOCKET_SCHEMES + NETWORK_SCHEMES:
        raise EngineRefused(
            f"An engine address starts with redis://, rediss://, unix:// or redis+socket://,"
            f" not with {scheme or 'nothing'!r}."
        )
    return scheme


def _socket_parts(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    database = (query.get("db") or query.get("virtual_host") or ["0"])[0]
    return unquote(parts.path), database
