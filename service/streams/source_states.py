"""SourceStates: what fetchers last reported of the sources of streams, in the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from pydantic import ValidationError
from redis.exceptions import RedisError

from echocast.service.fetching.source_state import SourceState
from echocast.workers.engine.client import EngineClient

REMEMBERED_SECONDS: Final = 86_400  # after the last report; a stream may be fed otherwise then


class SourceStates:
    """One state a stream; it goes with its stream, or a day after the last report."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine

    def put(self, stream: str, state: SourceState) -> None:
        """Note a state.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        key, text = source_key(stream), state.model_dump_json()
        self._engine.call(lambda: self._engine.redis.set(key, text, ex=REMEMBERED_SECONDS))

    def of(self, streams: Sequence[str]) -> Mapping[str, SourceState]:
        """The states of those streams that have one; none while the engine is away."""
        texts: list[str | None] = []
        with suppress(RedisError):
            texts = self._engine.redis.mget(map(source_key, streams)) if streams else []
        states: dict[str, SourceState] = {}
        for stream, text in zip(streams, texts, strict=False):
            with suppress(ValidationError):  # of another version
                states |= {stream: SourceState.model_validate_json(text)} if text else {}
        return states


def source_key(stream: str) -> str:
    """Key of the state of a stream's source."""
    return f"echocast:stream:{stream}:source"
