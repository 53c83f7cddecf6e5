"""One engine, two spellings of its address: redis-py's and Celery's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from workers.errors import EngineError

SOCKET_NAME = "valkey.sock"
SOCKET_SCHEMES = ("unix", "redis+socket")
NETWORK_SCHEMES = ("redis", "rediss")


def embedded_url(engine_directory: Path) -> str:
    """Address of the embedded engine that lives in a directory, whether it runs or not."""
    return socket_url(engine_directory.resolve() / SOCKET_NAME)


def socket_url(path: Path) -> str:
    """Address of an engine behind a unix socket, as redis-py spells it."""
    return f"unix://{quote(str(path))}?db=0"


def client_url(url: str) -> str:
    """The address as redis-py (also ``redis.asyncio``) understands it.

    Raises:
        EngineError: The scheme is none of redis, rediss, unix, redis+socket.
    """
    if _scheme(url) in NETWORK_SCHEMES:
        return url
    path, database = _socket_parts(url)
    return f"unix://{quote(path)}?db={database}"


def broker_url(url: str) -> str:
    """The address as Celery understands it.

    Raises:
        EngineError: The scheme is none of redis, rediss, unix, redis+socket.
    """
    if _scheme(url) in NETWORK_SCHEMES:
        return url
    path, database = _socket_parts(url)
    return f"redis+socket://{quote(path)}?virtual_host={database}"


def _scheme(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in SOCKET_SCHEMES + NETWORK_SCHEMES:
        raise EngineError(
            f"An engine address starts with redis://, rediss://, unix:// or redis+socket://,"
            f" not with {scheme or 'nothing'!r}."
        )
    return scheme


def _socket_parts(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    database = (query.get("db") or query.get("virtual_host") or ["0"])[0]
    return unquote(parts.path), database
