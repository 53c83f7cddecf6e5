"""RuleMemory: what a rule remembers across restarts, and the message that is not delivered yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from echocast.service.notification.decision import EventState

WORTH: Final = timedelta(minutes=30)  # for how long a message that nobody takes is tried again


@dataclass(frozen=True)
class Message:
    """A message on its way.

    Args:
        text: What it says.
        written: When that was known.
        to: Addresses that have not taken it yet, by their places in the rule.
    """

    text: str
    written: datetime
    to: tuple[int, ...]

    def is_worth_it(self, now: datetime) -> bool:
        """Whether somebody would still want to read it."""
        return bool(self.to) and now - self.written < WORTH


@dataclass(frozen=True)
class RuleMemory:
    """What a rule remembers.

    Args:
        digest: Of the rule as it was declared.
        state: Of its event.
        message: The newest one; None: there was none.
    """

    digest: str
    state: EventState = field(default_factory=EventState)
    message: Message | None = None

    def delivered(self, index: int) -> RuleMemory:
        """The same once an address has taken the message."""
        assert self.message is not None
        rest = tuple(one for one in self.message.to if one != index)
        return replace(self, message=replace(self.message, to=rest))

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        state, message = self.state, self.message
        return {
            "digest": self.digest,
            "in_event": state.in_event,
            "clear_since": _text(state.clear_since),
            "known_at": _text(state.known_at),
            "message": message
            and {"text": message.text, "written": _text(message.written), "to": [*message.to]},
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Self:
        """What was stored.

        Raises:
            ValueError: It was something else; also LookupError and TypeError.
        """
        state = EventState(
            bool(value["in_event"]), _time(value["clear_since"]), _time(value["known_at"])
        )
        given = value["message"]
        message = given and Message(
            str(given["text"]), datetime.fromisoformat(given["written"]), tuple(given["to"])
        )
        return cls(str(value["digest"]), state, message)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
