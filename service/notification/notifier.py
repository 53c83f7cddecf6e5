"""Notifier: asks the service for the rain of each rule, decides, and sends.

At least once: that an event began, and to whom its message is due, is on the disk before anything
is sent, and each address is crossed off once it has taken the message. A process that is killed in
between sends to that one address again; no event is decided twice, and no message is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from echocast.model.errors import ContractViolation
from echocast.service.client.rain import rain_of
from echocast.service.notification.addresses import masked, send
from echocast.service.notification.decision import Notice, decide, judged
from echocast.service.notification.memory import Message, RuleMemory
from echocast.service.notification.rules import RuleFiles
from echocast.service.notification.schemas import Rule
from echocast.service.rain.wording import Wording

log = logging.getLogger("echocast.notify")
AT_ONCE: Final = 8  # rules that are followed at the same time


@dataclass(frozen=True)
class Notifier:
    """Follows all rules until it is cancelled.

    Args:
        files: The rules.
        service: Client of the service, with its base URL and key.
        hosts: That messages may be sent to.
        every_seconds: How often the service is asked.
        clock: The time now, UTC.
    """

    files: RuleFiles
    service: httpx.AsyncClient
    hosts: frozenset[str]
    every_seconds: float
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        """Follow the rules again and again."""
        while True:
            await self.follow_all()
            await asyncio.sleep(self.every_seconds)

    async def follow_all(self) -> None:
        """Ask, decide and send once for each rule."""
        rules, places = [*self.files.all()], asyncio.Semaphore(AT_ONCE)
        self.files.forget({rule.name for rule in rules})

        async def follow(rule: Rule) -> None:
            async with places:
                await self._follow(rule)

        await asyncio.gather(*map(follow, rules))

    async def _follow(self, rule: Rule) -> None:
        rain, now, before = await self._rain(rule), self.clock(), self.files.memory(rule)
        state, notice = decide(before.state, judged(rain, rule.declared), now, rule.declared)
        message = before.message
        if notice and rain:
            everybody = tuple(range(len(rule.declared.send_to)))
            message = Message(_text(notice, rain, rule), now, everybody)
        memory = replace(before, state=state, message=message)
        try:
            if memory != before:
                self.files.remember(rule, memory)
            await self._deliver(rule, memory, now)
        except OSError as error:  # what can't be remembered would be sent again and again
            log.error("What rule %s remembers can't be written: %s", rule.name, error)

    async def _deliver(self, rule: Rule, memory: RuleMemory, now: datetime) -> None:
        """Send what is due; what is not accepted is tried again the next time."""
        message = memory.message
        if message is None or not message.is_worth_it(now) or rule.declared.is_quiet(now):
            return
        for index in message.to:
            address = rule.declared.send_to[index]
            if await self._send(rule.name, address, message.text):
                memory = memory.delivered(index)
                self.files.remember(rule, memory)

    async def _send(self, title: str, address: str, text: str) -> bool:
        where = masked(address)
        try:
            accepted = await asyncio.to_thread(send, address, self.hosts, title, text)
        except ContractViolation as error:
            log.warning("Rule %s: %s", title, error)
            return False
        except Exception as error:  # of any of apprise's kinds: other rules go on
            log.warning("Rule %s: %s: %s", title, where, type(error).__name__)
            return False
        if not accepted:
            log.warning("Rule %s: %s does not accept the message.", title, where)
        return accepted

    async def _rain(self, rule: Rule) -> dict[str, Any] | None:
        """What the service answers; None where it does not, or has no forecast."""
        about = rule.declared
        params: dict[str, Any] = {
            "lat": about.latitude,
            "lon": about.longitude,
            "threshold_mm_h": about.threshold_mm_h,
            "lang": about.language,
        }
        params |= {"tz": about.time_zone} if about.time_zone != "UTC" else {}
        return await rain_of(rule.name, self.service, about.stream, params, log)


def _text(notice: Notice, rain: dict[str, Any], rule: Rule) -> str:
    """The sentence about the rain; before it, where that is asked for, that it is known again."""
    sentence = str(rain["sentence"])
    if notice.outage is None:
        return sentence
    minutes = str(round(notice.outage / timedelta(minutes=1)))
    wording = Wording(rule.declared.language)
    return f"{wording.text('known_again', minutes=minutes)} {sentence}"
