"""The gateway process: ``python -m echocast.service.processes.gateway``."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from echocast.service.app import create_app
from echocast.service.errors import StartRefused
from echocast.service.notification.addresses import keep_secret
from echocast.service.processes.connection import ConnectionLimits, connection_class
from echocast.service.processes.listening import bound_socket
from echocast.service.processes.repeated_warnings import RepeatedWarnings
from echocast.service.resources import Resources
from echocast.service.settings import GATEWAY_BYTES, ServiceSettings
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.store_identity import check_same_store, check_same_streams
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import EngineUnavailable
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.machine import GIB, machine_share, usable_cpus
from echocast.workers.runtime.memory import limit_arenas
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence
from echocast.workers.runtime.threads import set_switch_interval

BACKLOG = 512
log = logging.getLogger("echocast.gateway")
GRACE_SECONDS = 5  # for requests after the door is closed
DRAIN_LOOK_SECONDS = 0.05


def serve(settings: ServiceSettings) -> None:
    """Answer requests until a signal stops it.

    Raises:
        StartRefused: The address is in use, or open to everybody without keys.
        AnotherStore: The engine's jobs have their files in another archive than ours.
    """
    # uvicorn sends itself the signal again once it has stopped; by default that ends the process at
    # once, without what is done at its end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    set_switch_interval()
    limit_arenas(usable_cpus())
    app = create_app(settings)
    check_store(settings)
    listener = bound_socket(settings.host, settings.port)
    log.info("The gateway listens on %s port %d.", *listener.getsockname()[:2])
    log.info("%s", memory_plan(settings))
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,  # ours
        log_level="warning",
        server_header=False,
        backlog=BACKLOG,
        http=connection_class(connection_limits(settings)),
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = DrainingServer(config, lambda: stop_waiting(app), settings.drain_seconds)
    server.run(sockets=[listener])


def memory_plan(settings: ServiceSettings) -> str:
    """Which children may use how much of the memory, and whether they can all do so at once."""
    room = settings.usable_memory_bytes - GATEWAY_BYTES
    fits = "" if settings.children_bytes <= room else " If all use it, that is more than there is."
    return (
        f"The gateway uses {machine_share(settings.usable_memory_bytes)}:"
        f" {settings.decode_processes} decoders of at most {settings.decoder_bytes / GIB:.1f} GiB,"
        f" {settings.render_processes} renderers of {settings.renderer_bytes / GIB:.1f} GiB.{fits}"
    )


class DrainingServer(uvicorn.Server):
    """A server that answers on for a moment after the signal to stop.

    Args:
        config: Of the server.
        on_stop: Called at the signal.
        seconds: The moment.
    """

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None], seconds: float) -> None:
        super().__init__(config)
        self.on_stop = on_stop
        self.drain_seconds = seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen.

        What is there by then stays, and is not searched for garbage any more: each search of it had
        all answers wait for a tenth of a second.
        """
        await super().startup(sockets)
        gc.freeze()

    async def main_loop(self) -> None:
        """Serve until a signal comes, and a moment longer."""
        await super().main_loop()
        self.on_stop()
        end = time.monotonic() + self.drain_seconds
        while time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(DRAIN_LOOK_SECONDS)


def stop_waiting(app: FastAPI) -> None:
    """Answer everybody who waits, and say that the service is not ready."""
    resources: Resources = app.state.resources
    resources.nowcasts.waiting.stop()
    resources.refusals.stop()
    resources.nowcasts.presence.stop()


def connection_limits(settings: ServiceSettings) -> ConnectionLimits:
    """Limits of these settings that leave half of the process's open files to other things."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = open_files == resource.RLIM_INFINITY
    most = settings.connection_limit if unlimited else open_files // 2
    return ConnectionLimits(
        settings.head_limit_bytes,
        settings.head_timeout_seconds,
        settings.upload_timeout_seconds,
        min(settings.connection_limit, most),
        settings.address_connection_limit,
    )


def check_store(settings: ServiceSettings) -> None:
    """Make sure that an engine that answers already belongs to our archive.

    Raises:
        AnotherStore: It belongs to another one.
    """
    engine = EngineClient(settings.engine_url, patience_seconds=0)
    try:
        with suppress(EngineUnavailable):
            check_same_store(engine, Archive(settings.archive_root))
            check_same_streams(engine, settings.streams_url)
    finally:
        engine.close()


def main() -> None:
    """Serve with the settings of the environment; a refusal is one sentence.

    Only a wrong configuration ends the gateway for good; else it is started again.
    """
    logging.getLogger("uvicorn.error").addFilter(RepeatedWarnings())
    with ending_by_a_sentence("echocast", StartRefused):
        settings = ServiceSettings()
        log_to_stderr("gateway", settings.log, settings.log_level)
        keep_secret()
        keep_private(settings.umask, settings.own_folders)
        serve(settings)


if __name__ == "__main__":
    main()
