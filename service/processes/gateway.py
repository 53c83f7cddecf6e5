"""The gateway process: ``python -m service.processes.gateway``."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

import uvicorn
from pydantic import ValidationError

from model.errors import EchocastError
from service.app import create_app, work_settings
from service.processes.lifeline import REFUSED
from service.processes.listening import bound_socket
from service.settings import ServiceSettings
from workers.archive import Archive
from workers.engine_client import EngineClient
from workers.errors import EngineUnavailable
from workers.same_store import check_same_store, check_same_streams
from workers.turns import take_short_turns

BACKLOG = 512
GRACE_SECONDS = 5


def serve(settings: ServiceSettings) -> None:
    """Answer requests until told to stop.

    Raises:
        StartRefused: The address is taken, or open to everybody without keys.
        AnotherStore: The engine's jobs have their files in another archive than ours.
    """
    take_short_turns()
    check_store(settings)
    app = create_app(settings)
    listener = bound_socket(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def check_store(settings: ServiceSettings) -> None:
    """Make sure that an engine that answers already belongs to our archive.

    Raises:
        AnotherStore: It belongs to another one.
    """
    work = work_settings(settings)
    engine = EngineClient(work.engine_url, patience_seconds=0)
    try:
        with suppress(EngineUnavailable):
            check_same_store(engine, Archive(work.archive_root))
            check_same_streams(engine, work.streams_url)
    finally:
        engine.close()


def main() -> None:
    """Serve with the settings of the environment; a refusal is one sentence."""
    logging.basicConfig(level="INFO", format="%(asctime)s gateway %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel("WARNING")
    try:
        serve(ServiceSettings())
    except (EchocastError, ValidationError) as error:
        print(f"echocast: {error}", file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
