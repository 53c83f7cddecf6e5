"""Horizon: how many lead times a forecast may have, and what makes each of them."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from echocast.model.errors import ContractViolation

MOST_LEADS: Final = 24
HORIZON: Final = timedelta(minutes=120)  # of lead times that were requested
LEADS: Final = (
    "Lead times, at most to 120 minutes; those after the network's are scale-damped extrapolation"
    " of its last one."
)
TOLERANCE: Final = 0.1  # of a step, that times may be off an even rhythm


class LeadSource(StrEnum):
    """What makes a lead time: the network, or what carries rain on without it."""

    NETWORK = "network"
    EXTRAPOLATION = "extrapolation"
    PERSISTENCE = "persistence"


def sources_beyond(network: int, leads: int) -> tuple[LeadSource, ...]:
    """The sources of so many lead times where a network makes the first ones."""
    beyond = max(0, leads - network)
    return (LeadSource.NETWORK,) * (leads - beyond) + (LeadSource.EXTRAPOLATION,) * beyond


def check_leads(leads: int | None, step: timedelta, network: int = 0) -> None:
    """Make sure that so many lead times may be requested.

    Args:
        leads: How many; None: as many as the network makes.
        step: Time between them.
        network: How many it makes: so many may always be requested; 0: not known yet.

    Raises:
        ContractViolation: Fewer than one, or of those that are no network's more than 24 or later
            than 120 minutes.
    """
    if leads is None or 1 <= leads <= network:
        return
    if not 1 <= leads <= MOST_LEADS:
        raise ContractViolation(
            f"A forecast has 1 to {MOST_LEADS} lead times, not {leads}.", rule="lead-count"
        )
    if leads * step > HORIZON + TOLERANCE * step:
        minutes = step / timedelta(minutes=1)
        raise ContractViolation(
            f"Lead times reach {HORIZON / timedelta(minutes=1):g} minutes at most, but {leads} of"
            f" {minutes:.4g} minutes reach {leads * minutes:.4g}; with this step"
            f" {(HORIZON + TOLERANCE * step) // step} can be requested.",
            rule="lead-count",
        )
