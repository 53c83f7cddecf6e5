"""DriftWatch: the state of drift of each stream, stored in the engine, made from its sums.

Where counts are added, their block of six hours is marked as changed in the same step. A changed
block is charted once a frame after its end has come; for an older one the state goes back to before
it, and the blocks after it are charted again. So the state is always that of all blocks in time
order, also where frames came late or were replaced, and whichever worker added them. After a block
in which another model began to serve, the model's charts begin anew: what the one before did, or
what is scored of both, is no alarm of the new one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.drift.detector import CHARTS, SKILL_DRIFT, Drift
from echocast.model.formats.stream_layout import stamp, time_of
from echocast.model.verification.frame_statistics import PIXELS
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.streams.count_sums import SUMS_DAYS, CountSums, changes_key
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores

STATES: Final = 40  # how many blocks back the state can go without starting anew
RECENT: Final = timedelta(days=1)
SCORED_FOR: Final = timedelta(hours=3)  # after its reference time a forecast is scored, mostly
OnSkillDrift = Callable[[str], object]  # with the reason
ModelChanges = Callable[[datetime], Sequence[datetime]]  # later than a time
log = logging.getLogger("echocast.streams")


class DriftWatch:
    """Keeps the states; safe to share among threads and processes.

    Args:
        stores: Knows the streams' rhythms and grids.
        sums: Of counts.
        engine: Where the states are.
        on_skill_drift: Called with the reason when a model begins to be worse than it was.
        model_changes: When other models began to serve, later than a time; None: never.
    """

    def __init__(
        self,
        stores: StreamStores,
        sums: CountSums,
        engine: EngineClient,
        on_skill_drift: OnSkillDrift | None = None,
        model_changes: ModelChanges | None = None,
    ) -> None:
        self._stores = stores
        self._sums = sums
        self._engine = engine
        self._on_skill_drift = on_skill_drift
        self._model_changes = model_changes
        self._commit = engine.script(load_scripts(__package__)["commit_drift"])

    def update(self, stream: str) -> bool:
        """Chart the blocks that are complete and have changed; whether there were any.

        Where counts change meanwhile nothing is stored: the worker that added them does it.
        """
        changes = self._sums.changes(stream)
        if not changes:
            return False
        newest = self._stores.frames.newest_time(stream) or time_of(max(changes))
        complete = {b: n for b, n in changes.items() if time_of(b) + BLOCK <= newest}
        if not complete:
            return False
        changed = {block: self._block(stream, time_of(block)) for block in complete}
        states = self._hash(states_key(stream))
        retained = {block: state for block, state in states.items() if block < min(complete)}
        before = _newest(retained)
        states_after = list(self._charted(stream, before, changed))
        charted = {stamp(state.upto): state for state in states_after[-STATES:] if state.upto}
        names = sorted(retained.keys() | charted.keys())[-STATES:]
        values = (
            complete,
            _written(changed),
            _written({block: charted[block] for block in names if block in charted}),
            sorted(states.keys() - set(names)),
        )
        keys = changes_key(stream), blocks_key(stream), states_key(stream)
        oldest = newest - timedelta(days=SUMS_DAYS)
        if not self._commit(*keys, *map(json.dumps, values), SUMS_DAYS * 86400, stamp(oldest)):
            return False
        self._report(stream, _newest(states), states_after[-1])
        return True

    def _report(self, stream: str, before: Drift, now: Drift) -> None:
        """Report skill drift that began lately; a reindex finds older ones again."""
        since = now.alerts.get(SKILL_DRIFT)
        if since and now.upto and SKILL_DRIFT not in before.alerts and now.upto - since < RECENT:
            log.warning("The model of %s got worse since %s.", stream, since.isoformat())
            if self._on_skill_drift:
                self._on_skill_drift(
                    f"skill drift of the stream {stream} since {since.isoformat()}"
                )

    def _charted(self, stream: str, before: Drift, changed: Mapping[str, Block]) -> Iterator[Drift]:
        """The states after each block that follows a state, also after those nothing came in."""
        blocks = {**self._blocks_after(stream, before), **changed}
        state = before
        begin = time_of(min(blocks)) if before.upto is None else before.upto + BLOCK
        other_models = self._model_changes(begin - SCORED_FOR) if self._model_changes else ()
        while begin <= time_of(max(blocks)):
            block = blocks.get(stamp(begin)) or self._empty(stream, begin)
            if state.upto is None:  # a stream seldom begins with a block
                block = replace(block, expected=0)
            state = state.update(block)
            if any(begin - SCORED_FOR < time <= begin + BLOCK for time in other_models):
                state = state.of_another_model()
            yield state
            begin += BLOCK

    def _blocks_after(self, stream: str, state: Drift) -> dict[str, Block]:
        """The blocks that were charted after a state."""
        key, redis = blocks_key(stream), self._engine.redis
        names: list[str] = self._engine.call(lambda: redis.hkeys(key))
        later = [name for name in names if state.upto is None or name > stamp(state.upto)]
        texts = self._engine.call(lambda: redis.hmget(key, later)) if later else []
        pairs = zip(later, texts, strict=True)
        return {name: Block.from_json(json.loads(text)) for name, text in pairs if text}

    def _block(self, stream: str, begin: datetime) -> Block:
        """The block as the sums have it."""
        counts = self._sums.over(stream, TimeSpan(begin, begin + BLOCK - timedelta(seconds=1)))
        origin = self._stores.streams.origin(stream)
        size = sum(counts.get(f"0|{PIXELS}", (0,))[:1])
        frames = size // (origin.grid.shape[0] * origin.grid.shape[1]) if origin else 0
        return Block.of(begin, self._expected(stream, begin), frames, counts)

    def _empty(self, stream: str, begin: datetime) -> Block:
        return Block(begin, self._expected(stream, begin), 0, {})

    def _expected(self, stream: str, begin: datetime) -> int:
        """Frames of a block's rhythm; none is expected while the stream is paused."""
        paused = self._stores.streams.paused_time(stream, begin, begin + BLOCK)
        return (BLOCK - paused) // self._stores.streams.stream(stream).step

    def _hash(self, key: str) -> dict[str, str]:
        values: dict[str, str] = self._engine.call(lambda: self._engine.redis.hgetall(key))
        return values


def drift_state(engine: EngineClient, stream: str) -> Drift:
    """The newest state of a stream; the beginning of all states where there is none yet."""
    names: list[str] = engine.call(lambda: engine.redis.hkeys(states_key(stream)))
    if not names:
        return Drift()
    text: str | None = engine.call(lambda: engine.redis.hget(states_key(stream), max(names)))
    return Drift.from_json(json.loads(text)) if text else Drift()


def _newest(states: Mapping[str, str]) -> Drift:
    return Drift.from_json(json.loads(states[max(states)])) if states else Drift()


def _written(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value.to_json()) for name, value in values.items()}


def blocks_key(stream: str) -> str:
    """Key of the blocks of 400 days that were charted: hash of beginning -> block."""
    return f"echocast:stream:{stream}:blocks"


def states_key(stream: str) -> str:
    """Key of the states after the newest blocks: hash of beginning -> state.

    States of earlier charts are not read: the blocks are charted again.
    """
    return f"echocast:stream:{stream}:drift:{CHARTS}"
