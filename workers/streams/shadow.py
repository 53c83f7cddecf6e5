"""Shadow: which model forecasts beside the champion, and what follows from its live scores.

A challenger runs in the shadow of the champion. After a promotion the model that served before
does so for a while, where live scores may undo the promotion. Both are made for a share of the
frames, scored like everything else, and compared on just those frames.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.drift.blocks import BLOCK, block_begin
from echocast.model.errors import RegistryConflict
from echocast.model.registry.registry import Registry
from echocast.model.registry.roles import PREVIOUS, Roles
from echocast.model.verification.counts import CHALLENGER, MODEL, Counts
from echocast.model.verification.live_comparison import Comparison, ComparisonFloor, compare
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores

THRESHOLD = "30"  # dBZ: where there are events enough
WHO = "shadow mode"
log = logging.getLogger("echocast.shadow")
Table = NDArray[np.int64]


@dataclass(frozen=True)
class ShadowPolicy:
    """What runs in the shadow, and what live scores may decide.

    Args:
        share: Share of the frames from which the candidate forecasts too, 0 to 1.
        promotes: Whether a challenger that is shown to be better is promoted.
        rolls_back: Whether a promotion is undone where the model before is shown to be better.
        days: How far back scores are compared, and how long a promotion may be undone.
        terms: How much must have been compared.
    """

    share: float = 0.0
    promotes: bool = False
    rolls_back: bool = False
    days: float = 14.0
    terms: ComparisonFloor = field(default_factory=ComparisonFloor)

    @classmethod
    def of(cls, settings: WorkerSettings) -> Self:
        """The policy that is configured."""
        return cls(
            share=settings.shadow_share,
            promotes=settings.shadow_promotes,
            rolls_back=settings.shadow_rolls_back,
            days=settings.shadow_days,
            terms=ComparisonFloor(settings.shadow_fewest_blocks, settings.shadow_fewest_pixels),
        )


@dataclass(frozen=True)
class Candidate:
    """The model in the shadow: ``challenger``, or ``previous`` for a while after a promotion."""

    role: str
    reference: str


def candidate_of(roles: Roles, policy: ShadowPolicy, now: datetime) -> Candidate | None:
    """The model in the shadow now."""
    if roles.challenger:
        return Candidate(CHALLENGER, roles.challenger)
    if not policy.rolls_back or roles.previous is None:
        return None
    since = roles.champion_since
    if since is None or now - since > timedelta(days=policy.days):
        return None
    return Candidate(PREVIOUS, roles.previous)


def is_sampled(stream: str, time: datetime, share: float) -> bool:
    """Whether a frame is among a share of all, the same on every host and at every look."""
    name = f"{stream}\n{time.isoformat()}"
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < share * 16**8


class Shadow:
    """Lets live scores promote or roll back, where that is configured.

    Args:
        stores: Forecasts and counts.
        registry: Whose aliases may change.
        policy: When.
    """

    def __init__(self, stores: StreamStores, registry: Registry, policy: ShadowPolicy) -> None:
        self._stores = stores
        self._registry = registry
        self._policy = policy

    def decide(self) -> Comparison | None:
        """Compare the candidate with the champion and act; None where nothing may be decided."""
        roles = self._registry.reader.roles()
        candidate = candidate_of(roles, self._policy, datetime.now(UTC))
        may = {CHALLENGER: self._policy.promotes, PREVIOUS: self._policy.rolls_back}
        if candidate is None or not may[candidate.role]:
            return None
        comparison = self.comparison(roles.champion, candidate.reference)
        if comparison.better:
            self._act(candidate, roles.champion, comparison)
        return comparison

    def _act(self, candidate: Candidate, champion: str, comparison: Comparison) -> None:
        why = (
            f"{candidate.reference} was better than {champion} on the same live forecasts: CSI at"
            f" {THRESHOLD} dBZ by {comparison.gain:+.4f}, 99 % interval {comparison.low:+.4f} to"
            f" {comparison.high:+.4f}, {comparison.blocks} blocks of six hours with events."
        )
        scores = comparison.to_json()
        try:
            if candidate.role == CHALLENGER:
                self._registry.promote(
                    candidate.reference, who=WHO, why=why, scores=scores, expected=champion
                )
            else:
                self._registry.rollback(who=WHO, why=why, scores=scores, expected=champion)
        except RegistryConflict as error:
            log.warning("The comparison changed nothing: %s", error)

    def comparison(self, champion: str, candidate: str) -> Comparison:
        """How good a candidate was beside the champion, over all streams and their newest days."""
        blocks = [
            counts
            for stream in self._stores.streams.names()
            for counts in self._blocks(stream, champion, candidate)
        ]
        return compare(blocks, self._policy.terms)

    def _blocks(self, stream: str, champion: str, candidate: str) -> list[Table]:
        """Counts of the blocks that are complete, each (2, 3): candidate, champion."""
        newest = self._stores.frames.newest_time(stream)
        if newest is None:
            return []
        span = TimeSpan(newest - timedelta(days=self._policy.days), newest)
        compared = {
            theirs.id: (theirs, ours)
            for theirs, ours in self._both(stream, span, candidate, champion)
            if _block_end(theirs) <= newest
        }
        blocks: dict[datetime, Table] = defaultdict(lambda: np.zeros((2, 3), np.int64))
        for frame in self._stores.counts.frames(stream, span):
            counted = {key.forecast_id for key in self._stores.counts.keys(frame)}
            here = [both for theirs, both in compared.items() if theirs in counted]
            counts = self._stores.counts.counts(frame, {one.id for both in here for one in both})
            for theirs, ours in here:
                begin = block_begin(theirs.forecast_reference_time)
                blocks[begin] += _table(counts, theirs.id, ours.id)
        return list(blocks.values())

    def _both(
        self, stream: str, span: TimeSpan, candidate: str, champion: str
    ) -> Iterator[tuple[IssuedForecast, IssuedForecast]]:
        """Forecasts of the candidate, each with that of the champion from the same frames."""
        issued = self._stores.forecasts.listing(stream, span)
        ours = {one.forecast_reference_time: one for one in issued if _is(one, MODEL, champion)}
        for theirs in issued:
            if _is(theirs, CHALLENGER, candidate) and theirs.forecast_reference_time in ours:
                yield theirs, ours[theirs.forecast_reference_time]


def _block_end(issued: IssuedForecast) -> datetime:
    """When all forecasts of a block are scored."""
    reference = issued.forecast_reference_time
    return block_begin(reference) + BLOCK + (issued.valid_times[-1] - reference)


def _table(counts: Mapping[str, Counts], theirs: str, ours: str) -> Table:
    """(2, 3): candidate and champion; hits, misses, false alarms where both were scored."""
    if theirs not in counts or ours not in counts:
        return np.zeros((2, 3), np.int64)
    return np.array([_events(counts[theirs], CHALLENGER), _events(counts[ours], MODEL)])


def _is(issued: IssuedForecast, role: str, reference: str) -> bool:
    return role in issued.roles and f"{issued.model_name}/{issued.model_version}" == reference


def _events(counts: Counts, role: str) -> Sequence[int]:
    """Hits, misses and false alarms of one frame."""
    ending = f"|{role}|{THRESHOLD}"
    return next((table[:3] for name, table in counts.items() if name.endswith(ending)), (0, 0, 0))
