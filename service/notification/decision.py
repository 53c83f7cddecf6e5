"""Whether a message is sent now: state in, state out.

Once per event. An event begins with its message. It is over after ``pause_minutes`` in which
neither rain nor rain within the lead of the rule was known of, however unlikely: what is possible,
but less likely than the rule asks for, sends nothing and ends nothing. So an outlook that wavers
about the asked probability sends one message. What is not known counts neither as rain nor as a
time without it; where nothing was known for ``pause_minutes``, nobody can say that it is still the
same event, and the next rain is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from echocast.service.notification.schemas import RuleDeclaration

OUTAGE: Final = timedelta(minutes=30)  # without knowledge, after which a message may say so
WATCHED: Final = timedelta(minutes=10)  # between two judgements, of which nothing lies unseen
Judgement = Literal["expected", "possible", "clear", "unknown"]


@dataclass(frozen=True)
class EventState:
    """What a rule remembers.

    Args:
        in_event: Whether a message was sent, and its event is not over.
        clear_since: Since when there is neither rain nor any within the lead; None: there is, or
            that is not known.
        known_at: When the rain was last known; None: not yet.
    """

    in_event: bool = False
    clear_since: datetime | None = None
    known_at: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """What a message is about.

    Args:
        rain: Whether an event begins.
        outage: For how long nothing was known before; None: that is not said.
    """

    rain: bool
    outage: timedelta | None


def judged(rain: Mapping[str, Any] | None, rule: RuleDeclaration) -> Judgement:
    """What an answer of ``/rain``, at the threshold of the rule, is to it; None: there was none."""
    if rain is None or rain["stale"]:
        return "unknown"
    if rain["state"] == "rain":
        return "expected"
    minutes, chance = rain["minutes_until_start"], rain["probability"]
    if minutes is not None and minutes <= rule.within_minutes:
        likely = not rule.probability or (chance is not None and chance >= rule.probability)
        return "expected" if likely else "possible"
    return "unknown" if rain["state"] == "unknown" or rain["next_start_is_latest"] else "clear"


def decide(
    state: EventState, judgement: Judgement, now: datetime, rule: RuleDeclaration
) -> tuple[EventState, Notice | None]:
    """The state from now on, and what is sent; None: nothing.

    Args:
        state: Before.
        judgement: Of now.
        now: UTC; not before the times of the state.
        rule: Whose state it is.
    """
    if judgement == "unknown":
        return EventState(state.in_event, None, state.known_at), None
    gap = now - state.known_at if state.known_at else timedelta(0)
    since = _clear_since(state, judgement, now, gap)
    pause = timedelta(minutes=rule.pause_minutes)
    over = gap >= pause or (since is not None and now - since >= pause)
    in_event, quiet = state.in_event and not over, rule.is_quiet(now)
    rain = judgement == "expected" and not in_event and not quiet
    outage = rule.after_outage and gap >= OUTAGE and not quiet
    notice = Notice(rain, gap if outage else None) if rain or outage else None
    return EventState(in_event or rain, since, now), notice


def _clear_since(
    state: EventState, judgement: Judgement, now: datetime, gap: timedelta
) -> datetime | None:
    if judgement != "clear":
        return None
    return state.clear_since if state.clear_since and gap <= WATCHED else now
