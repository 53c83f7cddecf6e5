"""What sends messages by the rules: ``python -m echocast.service.processes.notifier``."""

from __future__ import annotations

import asyncio
import os
import signal

import httpx

from echocast.model.errors import EchocastError
from echocast.service.auth.folder_lock import folder_lock
from echocast.service.client.secret import client_secret, key_header
from echocast.service.errors import StartRefused
from echocast.service.notification.addresses import allowed_hosts, keep_secret
from echocast.service.notification.notifier import Notifier
from echocast.service.notification.rules import RuleFiles
from echocast.service.processes.listening import url_of
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence

PATIENCE_SECONDS = 20.0  # with the service


async def notify(settings: ServiceSettings) -> None:
    """Follow the rules until SIGINT or SIGTERM.

    Raises:
        StartRefused: The settings make no sense, or allow no host.
        KeyUnusable: The key of the service can't be read.
    """
    hosts = allowed_hosts(settings.notify_hosts)
    if not hosts:
        raise StartRefused("ECHOCAST_NOTIFY_HOSTS names the hosts that messages may be sent to.")
    secret = client_secret(settings.notify_key_file, os.environ)
    url = settings.notify_service_url or url_of(settings.host, settings.port)
    async with httpx.AsyncClient(
        base_url=url, headers=key_header(secret), timeout=PATIENCE_SECONDS, trust_env=False
    ) as service:
        files = RuleFiles(settings.rules_folder)
        notifier = Notifier(files, service, hosts, settings.notify_seconds)
        task = asyncio.create_task(notifier.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def main() -> None:
    """Send with the settings of the environment, one process at a time; a refusal is one sentence.

    A second process waits until the first has ended: two would send each message twice.
    """
    with ending_by_a_sentence("echocast", EchocastError):
        settings = ServiceSettings()
        log_to_stderr("notify", settings.log, settings.log_level)
        keep_secret()
        keep_private(settings.umask, settings.own_folders)
        with folder_lock(RuleFiles(settings.rules_folder).memories):
            asyncio.run(notify(settings))


if __name__ == "__main__":
    main()
