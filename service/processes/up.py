"""``echocast up``: engine, worker and gateway in one process tree; trainer and beat if asked."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from service.keys import load_keys
from service.processes.listening import bound_socket
from service.processes.readying import answers
from service.processes.supervisor import Role, Supervisor
from service.settings import ServiceSettings
from workers.settings import WorkerSettings

TEND_EVERY_SECONDS = 0.2
ENGINE = ("engine", "service.processes.engine")
WORKER = ("worker", "workers")
GATEWAY = ("gateway", "service.processes.gateway")
TRAINER = ("trainer", "workers.trainer")
BEAT = ("beat", "workers.beat")


def run_service(
    settings: ServiceSettings, say: Callable[[str], None], *, retrains: bool = False
) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        settings: Of the gateway; data directory and engine hold for all.
        say: Tells the person what happens.
        retrains: Trainer and beat run too.

    Raises:
        StartRefused: The address is taken, keys are missing, or a role refused to start.
        InputError: The settings of the retraining are none.
    """
    load_keys(settings)
    if retrains:
        from model.retraining.config import config_of  # not lightly: it brings OpenCV

        config_of(WorkerSettings().retrain_config)
    port = settings.port or free_port(settings.host)
    bound_socket(settings.host, port).close()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    roles = [WORKER, GATEWAY] if settings.redis_url else [ENGINE, WORKER, GATEWAY]
    roles += [TRAINER, BEAT] if retrains else []
    supervisor = Supervisor([Role(*role) for role in roles], shared_settings(settings, port))
    _tend_until_told(supervisor, url_of(settings.host, port), say)


def shared_settings(settings: ServiceSettings, port: int) -> dict[str, str]:
    """What all roles must agree on, as environment variables."""
    shared = {
        "ECHOCAST_HOST": settings.host,
        "ECHOCAST_PORT": str(port),
        "ECHOCAST_DATA_DIR": str(settings.data_dir.resolve()),
        "PYTHONUNBUFFERED": "1",
    }
    if "ECHOCAST_WORKER_METRICS_PORT" not in os.environ:
        shared["ECHOCAST_WORKER_METRICS_PORT"] = str(free_port("127.0.0.1"))
    return shared


def url_of(host: str, port: int) -> str:
    """Base URL of a gateway, as a caller on this machine writes it."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def free_port(host: str) -> int:
    """A TCP port that nobody listens on now."""
    with bound_socket(host, 0) as listener:
        port: int = listener.getsockname()[1]
    return port


def _tend_until_told(supervisor: Supervisor, url: str, say: Callable[[str], None]) -> None:
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
    finally:
        supervisor.stop()
        say("Stopped.")
