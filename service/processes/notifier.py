"""The process that sends messages by rules: ``python -m echocast.service.processes.notifier``."""

from __future__ import annotations

import asyncio

import httpx

from echocast.model.errors import EchocastError
from echocast.service.auth.folder_lock import folder_lock
from echocast.service.client.rain import with_service
from echocast.service.errors import StartRefused
from echocast.service.notification.addresses import allowed_hosts, keep_secret
from echocast.service.notification.notifier import Notifier
from echocast.service.notification.rules import RuleFiles
from echocast.service.processes.listening import url_of
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence


async def notify(settings: ServiceSettings) -> None:
    """Follow the rules until SIGINT or SIGTERM.

    Raises:
        StartRefused: The settings make no sense, or allow no host.
        KeyUnusable: The key of the service can't be read.
    """
    hosts = allowed_hosts(settings.notify_hosts)
    if not hosts:
        raise StartRefused("ECHOCAST_NOTIFY_HOSTS names the hosts that messages may be sent to.")
    url = settings.notify_service_url or url_of(settings.host, settings.port)

    async def work(service: httpx.AsyncClient) -> None:
        files = RuleFiles(settings.rules_folder)
        await Notifier(files, service, hosts, settings.notify_seconds).run()

    await with_service(url, settings.notify_key_file, work)


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
