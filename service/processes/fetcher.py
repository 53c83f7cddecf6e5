"""The process that fetches, a thread a source: ``python -m echocast.service.processes.fetcher``."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import getproxies_environment

import httpx

from echocast import __version__
from echocast.model.errors import EchocastError
from echocast.service.client.feed import Feeder
from echocast.service.client.ledger import Ledger
from echocast.service.client.secret import client_secret, key_header
from echocast.service.fetching.backlog import Backlog
from echocast.service.fetching.client import AgencyClient, ClientSettings
from echocast.service.fetching.fetcher import Fetcher, Order
from echocast.service.fetching.orders import memory_warning, orders
from echocast.service.fetching.turns import HostTurns
from echocast.service.processes.listening import url_of
from echocast.service.processes.readiness import answers
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence

log = logging.getLogger("echocast.fetch")
PATIENCE_SECONDS = 30.0  # with the service, before a look ends
START_SECONDS = 90.0  # in which a service may start without a word
ASK_EVERY_SECONDS = 0.1


def fetch(settings: ServiceSettings, stop: threading.Event) -> None:
    """Fetch until ``stop`` is set.

    Raises:
        StartRefused: What should be fetched makes no sense.
        SourceError: A source is unknown or damaged, or its key is missing.
        AlreadyWatched: Another process fetches the same source for the same stream.
    """
    ordered, turns = orders(settings, os.environ), HostTurns()
    to_agencies = client_settings(settings)
    for warning in filter(None, [*map(memory_warning, ordered), *_warnings(to_agencies)]):
        log.warning(warning)
    url = settings.fetch_url or url_of(settings.host, settings.port)
    with ExitStack() as stack:
        service = stack.enter_context(_service(url, settings))
        fetchers = [
            stack.enter_context(_fetcher(order, service, settings, to_agencies, turns))
            for order in ordered
        ]
        _await_service(url, stop)
        log.info("Fetching %s for %s.", ", ".join(order.source.name for order in ordered), url)
        _run_all([fetcher.run for fetcher in fetchers], stop)


def client_settings(settings: ServiceSettings) -> ClientSettings:
    """How agencies are asked."""
    contact = f" (+{settings.fetch_contact})" if settings.fetch_contact else ""
    return ClientSettings(
        user_agent=f"Echocast/{__version__}{contact}",
        image_bytes=settings.fetch_image_limit_bytes,
        proxy="" if settings.fetch_allow_private else getproxies_environment().get("https", ""),
        allow_private=settings.fetch_allow_private,
    )


def _warnings(settings: ClientSettings) -> Iterator[str]:
    if settings.allow_private:
        yield (
            "ECHOCAST_FETCH_ALLOW_PRIVATE is set: sources may reach this machine and its network."
        )
    if settings.proxy:
        yield "Agencies are asked through the proxy of https_proxy, which looks up their names."


@contextmanager
def _service(url: str, settings: ServiceSettings) -> Iterator[httpx.Client]:
    headers = key_header(client_secret(settings.fetch_key_file, os.environ))
    with httpx.Client(base_url=url, headers=headers, timeout=120.0, trust_env=False) as client:
        yield client


@contextmanager
def _fetcher(
    order: Order,
    service: httpx.Client,
    settings: ServiceSettings,
    to_agencies: ClientSettings,
    turns: HostTurns,
) -> Iterator[Fetcher]:
    folder = settings.data_dir / "fetch"
    ledger = Ledger(folder, order.source.name, order.stream)
    with AgencyClient(order.source, to_agencies, turns) as client:
        try:
            feeder = Feeder(service, order.stream, PATIENCE_SECONDS, log.warning)
            scratch = _emptied(folder / f"{order.source.name}-{order.stream}")
            yield Fetcher(order, client, feeder, Backlog(order.source, ledger), scratch)
        finally:
            ledger.close()


def _emptied(folder: Path) -> Path:
    """A folder without what a process left there that was killed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _await_service(url: str, stop: threading.Event) -> None:
    """Give a service that starts beside us a moment."""
    for _ in range(int(START_SECONDS / ASK_EVERY_SECONDS)):
        if answers(f"{url}/healthz") or stop.wait(ASK_EVERY_SECONDS):
            return


def _run_all(runs: list[Callable[[threading.Event], None]], stop: threading.Event) -> None:
    """Run all until ``stop``; where one fails all end, and the process is started again."""
    with ThreadPoolExecutor(len(runs)) as threads:
        running = [threads.submit(run, stop) for run in runs]
        done, _ = wait(running, return_when=FIRST_EXCEPTION)
        stop.set()
    for one in done:
        one.result()


def main() -> None:
    """Fetch with the settings of the environment; a refusal is one sentence."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ending_by_a_sentence("echocast", EchocastError):
        settings = ServiceSettings()
        log_to_stderr("fetch", settings.log, settings.log_level)
        keep_private(settings.umask, settings.own_folders)
        fetch(settings, stop)


if __name__ == "__main__":
    main()
