"""Options that several commands of the service share, and the client that they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.service.errors import StartRefused

if TYPE_CHECKING:
    import httpx

    from echocast.service.settings import ServiceSettings
    from echocast.workers.settings import WorkerSettings

Host = Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (default 8000).")]
Data = Annotated[Path | None, typer.Option(help="Data directory (default ./echocast-data).")]
Url = Annotated[str | None, typer.Option(help="Base URL of the service (default: this machine).")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="File with the API key to send (default: the one in ECHOCAST_KEY)."),
]


def client_of(settings: ServiceSettings, url: str | None, key_file: Path | None) -> httpx.Client:
    """A client of the service; its key is in the file, else in ``ECHOCAST_KEY``.

    Args:
        settings: Where the service listens on this machine.
        url: Its base URL, where that is another.
        key_file: Holds the secret of a key.

    Raises:
        KeyUnusable: The file can't be read, or what it holds can't be sent as a key.
    """
    import httpx

    from echocast.service.client.secret import client_secret, key_header
    from echocast.service.processes.listening import url_of

    return httpx.Client(
        base_url=url or url_of(settings.host, settings.port),
        headers=key_header(client_secret(key_file, os.environ)),
        timeout=120.0,
    )


def service_settings(**given: Any) -> ServiceSettings:
    """The settings of the service; what is given on the command line goes before them.

    Args:
        given: By the name of the setting; None: not given.
    """
    from echocast.service.settings import ServiceSettings

    return ServiceSettings(**{name: value for name, value in given.items() if value is not None})


def settings_of(data: Path | None) -> WorkerSettings:
    """The settings of the processes, with another data folder where one is named."""
    from echocast.workers.settings import WorkerSettings

    return WorkerSettings() if data is None else WorkerSettings(data_dir=data)


def service_data(data: Path | None) -> WorkerSettings:
    """The settings of a service whose data folder is there.

    Raises:
        StartRefused: There is no such folder: another one is meant, or no service has run yet.
    """
    settings = settings_of(data)
    if not (folder := settings.data_dir).is_dir():
        raise StartRefused(
            f"There is no data of a service in {folder.absolute()}: name its folder by --data or"
            " ECHOCAST_DATA_DIR, or start a service first (`echocast up`)."
        )
    return settings
