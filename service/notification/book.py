"""RuleBook: the rules as a caller sees them, who has the own ones alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from echocast.model.errors import short
from echocast.service.auth.account import current_account
from echocast.service.errors import MissingScope, UnknownRule
from echocast.service.notification.addresses import allowed_hosts, masked, target
from echocast.service.notification.rules import RuleFiles
from echocast.service.notification.schemas import Rule, RuleDeclaration, RuleView
from echocast.service.settings import ServiceSettings


@dataclass(frozen=True)
class RuleBook:
    """Rules over HTTP.

    Args:
        files: Where they lie.
        hosts: That messages may be sent to.
    """

    files: RuleFiles
    hosts: frozenset[str]

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """The rules of a service.

        Raises:
            StartRefused: The hosts of the settings are none.
        """
        return cls(RuleFiles(settings.rules_folder), allowed_hosts(settings.notify_hosts))

    def views(self) -> list[RuleView]:
        """The caller's rules."""
        return [self._view(rule) for rule in self.files.all() if _may_use(rule)]

    def view(self, name: str) -> RuleView:
        """One of the caller's rules.

        Raises:
            UnknownRule: The caller has none of that name.
        """
        return self._view(self._own(name))

    def put(self, name: str, declared: RuleDeclaration) -> bool:
        """Make a rule of the caller's, or replace it; whether it is new.

        Raises:
            ContractViolation: Its name, or an address, is none that a rule can have.
            RuleConflict: Another caller has a rule of that name.
        """
        for address in declared.send_to:
            target(address, self.hosts)
        return self.files.put(Rule(name=name, owner=_caller(), declared=declared))

    def delete(self, name: str) -> None:
        """Delete one of the caller's rules.

        Raises:
            UnknownRule: The caller has none of that name.
        """
        self.files.delete(self._own(name).name)

    @staticmethod
    def check_stream(stream: str) -> None:
        """Refuse a stream that the caller's key is not bound to.

        Raises:
            MissingScope: It is not.
        """
        key = current_account.get().key
        if key is not None and not key.may_use(stream):
            raise MissingScope(
                f"The key may use only the streams {', '.join(sorted(key.streams or ()))}."
            )

    def _own(self, name: str) -> Rule:
        rule = self.files.rule(name)
        if not _may_use(rule):
            raise UnknownRule(f"There is no rule named {short(name)!r}.")
        return rule

    def _view(self, rule: Rule) -> RuleView:
        memory = self.files.memory(rule)
        addresses = [masked(address) for address in rule.declared.send_to]
        return RuleView(
            name=rule.name,
            declared=rule.declared.model_copy(update={"send_to": addresses}),
            in_event=memory.state.in_event,
            known_at=memory.state.known_at,
            undelivered=len(memory.message.to) if memory.message else 0,
        )


def _caller() -> str:
    key = current_account.get().key
    return key.name if key else ""


def _may_use(rule: Rule) -> bool:
    """Whether the caller made a rule, or may use all: an admin, or anybody where there are no
    keys."""
    key = current_account.get().key
    return key is None or key.covers("admin") or key.name == rule.owner
