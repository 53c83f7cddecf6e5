"""``echocast up``: engine, workers and gateway in one process tree; trainer and beat if asked."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from echocast.model.errors import InputError
from echocast.model.retraining.config import config_of
from echocast.service.auth.key_ring import load_keys
from echocast.service.errors import StartRefused
from echocast.service.fetching.orders import fetch_variables, orders
from echocast.service.home_assistant.places import broker_of, home_places
from echocast.service.notification.addresses import allowed_hosts
from echocast.service.processes.listening import bound_socket, free_port, reserved_ports, url_of
from echocast.service.processes.readiness import answers
from echocast.service.processes.supervisor import Role, Supervisor
from echocast.service.settings import ServiceSettings
from echocast.service.sources.errors import SourceError
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.disk_shares import GB, adhoc_limit_bytes, stream_limit_gb
from echocast.workers.archive.object_files import stream_files
from echocast.workers.runtime.machine import MIB, usable_cpus
from echocast.workers.settings import WORKER_BYTES
from echocast.workers.streams.disk_use import DiskUse
from echocast.workers.streams.stores import StreamStores

MEMORY = "ECHOCAST_MEMORY_BYTES"
TEND_EVERY_SECONDS = 0.2
ENGINE = ("engine", "echocast.service.processes.engine")
GATEWAY = ("gateway", "echocast.service.processes.gateway")
TRAINER = ("trainer", "echocast.workers.retraining.trainer")
FETCHER = ("fetcher", "echocast.service.processes.fetcher")
MQTT = ("mqtt", "echocast.service.processes.mqtt")
NOTIFIER = ("notifier", "echocast.service.processes.notifier")
PLAYER = ("demo", "echocast.service.demo.player")
BEAT = ("beat", "echocast.workers.retraining.beat")
MOST_WORKERS_PER_CPU = 4
LAST_PORT = 65535


def run_service(
    settings: ServiceSettings,
    say: Callable[[str], None],
    *,
    retrains: bool = False,
    plays: bool = False,
) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        settings: Of the gateway; data directory and engine hold for all.
        say: Prints what happens.
        retrains: Trainer and beat run too.
        plays: A storm of our own is played as a live stream.

    Raises:
        StartRefused: The address or a port for metrics is taken, a setting makes no sense, or one
            of the processes refused to start.
    """
    more = checked_roles(settings, retrains=retrains)
    port = settings.port or free_port(settings.host)
    with bound_socket(settings.host, port) as gateway:
        gateway.listen()  # that no worker's metrics get this port
        metrics_port = first_metrics_port(settings)
    settings.data_dir.mkdir(0o777 & ~int(settings.umask, 8), parents=True, exist_ok=True)
    roles = [] if settings.redis_url else [Role(*ENGINE)]
    gateway_memory = {MEMORY: str(settings.usable_memory_bytes // 2)}  # its children's too
    roles += [*worker_roles(settings, metrics_port), Role(*GATEWAY, gateway_memory)]
    roles += [Role(*TRAINER), Role(*BEAT)] if retrains else []
    roles += [*more, *([Role(*PLAYER)] if plays else [])]
    supervisor = Supervisor(roles, shared_settings(settings, port, metrics_port))
    url, disk = url_of(settings.host, port), partial(disk_lines, settings)
    with reserved_ports(addresses(settings, port, metrics_port)):
        _tend_until_signal(supervisor, url, say, disk)


def addresses(settings: ServiceSettings, port: int, metrics_port: int) -> list[tuple[str, int]]:
    """Host and port of the gateway and of each worker's metrics (0: there are none)."""
    ports = range(metrics_port, metrics_port + settings.workers if metrics_port else 0)
    metrics = [(settings.worker_metrics_host, port) for port in ports]
    return [(settings.host, port), *metrics]


def checked_roles(settings: ServiceSettings, *, retrains: bool) -> list[Role]:
    """Make sure of what would end a role at its start; the processes that fetch, publish and
    send, if they shall.

    Raises:
        StartRefused: Keys are missing, there are too many workers, or the settings of retraining,
            fetching, publishing or sending make no sense.
    """
    load_keys(settings)
    check_worker_count(settings.workers)
    try:
        if retrains:
            config_of(settings.retrain_config)
        return fetch_roles(settings) + mqtt_roles(settings) + notifier_roles(settings)
    except (InputError, SourceError) as error:
        raise StartRefused(str(error)) from error


def fetch_roles(settings: ServiceSettings) -> list[Role]:
    """The process that fetches, where sources are named.

    Raises:
        StartRefused: What should be fetched makes no sense.
        SourceError: A source is unknown or damaged, or its key is missing.
        ContractViolation: The place is none.
    """
    if not settings.fetch_sources:
        return []
    orders(settings, os.environ)
    return [Role(*FETCHER, fetch_variables(settings))]


def mqtt_roles(settings: ServiceSettings) -> list[Role]:
    """The process that publishes for Home Assistant, where a broker is named.

    Raises:
        StartRefused: What should be published makes no sense.
    """
    if not settings.mqtt_url:
        return []
    broker_of(settings)
    home_places(settings)
    return [Role(*MQTT)]


def notifier_roles(settings: ServiceSettings) -> list[Role]:
    """The process that sends messages, where hosts are allowed.

    Raises:
        StartRefused: They are none.
    """
    return [Role(*NOTIFIER)] if allowed_hosts(settings.notify_hosts) else []


def disk_lines(settings: ServiceSettings) -> list[str]:
    """How much of the disk may be taken, and what each stream takes, in sentences."""
    stores = StreamStores.of(stream_files(settings))
    streams = [stores.streams.stream(name) for name in stores.streams.names()]
    default_gb = settings.stream_retention_gb
    uses = [f"{one.name}: {DiskUse.of(stores, one, default_gb).summary}" for one in streams]
    return [_limits(settings, stores, len(streams)), *(f"Disk of stream {use}" for use in uses)]


def _limits(settings: ServiceSettings, stores: StreamStores, streams: int) -> str:
    """How much of the disk streams, and nowcasts of no stream, may take."""
    archive = Archive(settings.archive_root).files
    of_stream = stream_limit_gb(stores.files, settings.stream_retention_gb, streams)
    adhoc = adhoc_limit_bytes(archive, settings.adhoc_limit_bytes) / GB
    return (
        f"Disk of {archive.disk_bytes() / GB:.3g} GB: each stream takes at most {of_stream:.3g} GB"
        f" unless it declares another limit, nowcasts of no stream {adhoc:.3g} GB."
    )


def shared_settings(settings: ServiceSettings, port: int, metrics_port: int) -> dict[str, str]:
    """What all roles must agree on, as environment variables."""
    return {
        "ECHOCAST_HOST": settings.host,
        "ECHOCAST_PORT": str(port),
        "ECHOCAST_DATA_DIR": str(settings.data_dir.resolve()),
        "ECHOCAST_WORKERS": str(settings.workers),
        "ECHOCAST_WORKER_METRICS_PORT": str(metrics_port),
        "PYTHONUNBUFFERED": "1",
    }


def check_worker_count(count: int) -> None:
    """Refuse more workers than the CPUs could serve.

    Raises:
        StartRefused: There are more.
    """
    cpus = usable_cpus()
    if count > MOST_WORKERS_PER_CPU * cpus:
        raise StartRefused(
            f"{count} workers are more than {MOST_WORKERS_PER_CPU} for each of the {cpus} CPUs."
        )


def worker_memory_bytes(settings: ServiceSettings) -> int:
    """What each worker has of the half of the memory that is not the gateway's.

    Raises:
        StartRefused: It is too little for a worker.
    """
    each = settings.usable_memory_bytes // 2 // settings.workers
    if each < WORKER_BYTES:
        raise StartRefused(
            f"{settings.workers} workers would have {each / MIB:.0f} MiB of memory each, and one"
            f" needs {WORKER_BYTES / MIB:.0f} MiB: start fewer of them, or give more memory."
        )
    return each


def worker_roles(settings: ServiceSettings, metrics_port: int) -> list[Role]:
    """Workers that share the CPUs; the first has that metrics port (0: none), each the next one.

    Raises:
        StartRefused: There are more than the CPUs could serve, or the memory.
    """
    check_worker_count(count := settings.workers)
    memory_bytes = worker_memory_bytes(settings)
    threads = settings.threads or max(1, usable_cpus() // count)
    return [
        Role(
            f"worker {number + 1}" if count > 1 else "worker",
            "echocast.workers",
            {
                "ECHOCAST_THREADS": str(threads),
                MEMORY: str(memory_bytes),
                "ECHOCAST_WORKER_METRICS_PORT": str(metrics_port and metrics_port + number),
            },
        )
        for number in range(count)
    ]


def first_metrics_port(settings: ServiceSettings) -> int:
    """The port that was set for the first worker's metrics, 0 for none; else one that is free.

    Raises:
        StartRefused: It or one of those that follow it is taken, or there are too few.
    """
    if "worker_metrics_port" not in settings.model_fields_set:
        return free_port("127.0.0.1", settings.workers)
    first, count = settings.worker_metrics_port, settings.workers
    if first + count - 1 > LAST_PORT:
        raise StartRefused(f"{count} workers have no ports for metrics from {first} on.")
    for port in range(first, first + count if first else 0):
        bound_socket(settings.worker_metrics_host, port).close()
    return first


def _tend_until_signal(
    supervisor: Supervisor,
    url: str,
    say: Callable[[str], None],
    disk: Callable[[], list[str]],
) -> None:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    say(f"Echocast starts on {url} (Ctrl-C stops it).")
    ready = False
    try:
        supervisor.start()
        while not stopping.wait(TEND_EVERY_SECONDS):
            supervisor.tend()
            if not ready and (ready := answers(f"{url}/readyz")):
                say(f"Ready. API: {url}/docs   Health: {url}/readyz   Metrics: {url}/metrics")
                for line in disk():
                    say(line)
    finally:
        supervisor.stop()
        say("Stopped.")
