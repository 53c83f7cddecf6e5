"""ModelCache: the models that a worker has loaded, and which of them is the champion."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from echocast.model.errors import CheckpointError, EchocastError
from echocast.model.forecast import ModelIdentity
from echocast.workers.inference.protocol import ServedModel

MOST_LOADED = 4  # champion, canary, challenger, and the one that served before
RETRY_SECONDS = 60.0  # before a model that was refused is tried again
UNLOADABLE = (EchocastError, OSError, RuntimeError, ValueError, KeyError, TypeError)
log = logging.getLogger("echocast.networks")


@dataclass
class _Loaded:
    """A model and when it was used last, in monotonic seconds."""

    model: ServedModel
    last_used: float


@dataclass(frozen=True)
class _Refusal:
    """Why a model could not be loaded, and from when on it may be tried again.

    A text, no exception: one that is raised again holds the stacks of all it was raised to, and
    with them the frames of their jobs.
    """

    reason: str
    retry: float


class ModelCache:
    """Models by ``name/version``; safe to share among threads.

    A model is loaded beside those that run, by the thread that needs it; threads that need another
    one don't wait for that. A job goes on with the model that it began with, and a launch runs one
    model only, so a swap falls between two launches.

    Args:
        load: Loads and tries ``name/version``.
        first: What to begin with: the first of these that can be loaded serves.
        on_swap: Is called with ``swapped`` or ``refused``.
        unused_seconds: How long a model stays that is not used any more.
        clock: Monotonic seconds.

    Raises:
        CheckpointError: None of the first ones can be loaded.
    """

    def __init__(
        self,
        load: Callable[[str], ServedModel],
        first: Sequence[str],
        on_swap: Callable[[str], object] = lambda _: None,
        unused_seconds: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._on_swap = on_swap
        self._unused_seconds = unused_seconds
        self._clock = clock
        self._loading = threading.Lock()
        self._loaded: dict[str, _Loaded] = {}  # replaced, never changed
        self._refused: dict[str, _Refusal] = {}
        self.champion = self._first(first)

    def _first(self, references: Sequence[str]) -> str:
        reasons = []
        for reference in references:
            try:
                self._get(reference)
            except CheckpointError as error:
                reasons.append(str(error))
            else:
                return reference
        raise CheckpointError(f"No model can serve. {' '.join(reasons)}")

    @property
    def names(self) -> tuple[str, ...]:
        """What is loaded, as ``name/version``."""
        return tuple(self._loaded)

    def get(self, model: ModelIdentity, *, or_champion: bool = False) -> ServedModel:
        """The model of that name and version, loaded if need be.

        Args:
            model: Which.
            or_champion: Give the champion, where the other can't be loaded.

        Raises:
            CheckpointError: There is no such model, or it can't be loaded.
        """
        try:
            return self._get(f"{model.name}/{model.version}")
        except CheckpointError:
            if not or_champion:
                raise
            return self._get(self.champion)

    def set_champion(self, champion: str) -> None:
        """Load another champion and let it serve; where it can't be loaded, the old one goes on."""
        if champion == self.champion:
            return
        try:
            self._get(champion)
        except CheckpointError:
            return
        log.info("%s serves from now on, after %s.", champion, self.champion)
        self.champion = champion
        self._on_swap("swapped")

    def evict_unused(self) -> None:
        """Remove the models that have not been used for long."""
        since = self._clock() - self._unused_seconds
        with self._loading:
            retained = {
                reference: loaded
                for reference, loaded in self._loaded.items()
                if loaded.last_used >= since or reference == self.champion
            }
            if len(retained) < len(self._loaded):
                self._loaded = retained
                gc.collect()

    def _get(self, reference: str) -> ServedModel:
        loaded = self._loaded.get(reference)
        if loaded is None:
            with self._loading:
                loaded = self._loaded.get(reference) or self._load_beside(reference)
        loaded.last_used = self._clock()
        return loaded.model

    def _load_beside(self, reference: str) -> _Loaded:
        refusal = self._refused.get(reference)
        if refusal is not None and self._clock() < refusal.retry:
            raise CheckpointError(refusal.reason)
        try:
            loaded = _Loaded(self._load(reference), self._clock())
        except UNLOADABLE as error:
            raise self._refuse(reference, error) from error
        self._loaded = {**self._with_room(), reference: loaded}
        self._refused.pop(reference, None)
        return loaded

    def _refuse(self, reference: str, error: Exception) -> CheckpointError:
        log.error("The model %s is refused: %s", reference, error)
        reason = f"The model {reference} is refused: {error}"
        self._refused[reference] = _Refusal(reason, self._clock() + RETRY_SECONDS)
        self._on_swap("refused")
        return CheckpointError(reason)

    def _with_room(self) -> dict[str, _Loaded]:
        """Those loaded, without the one that was not used for longest where they are many."""
        others = {name: at for name, at in self._loaded.items() if name != self.champion}
        if len(self._loaded) < MOST_LOADED or not others:
            return self._loaded
        oldest = min(others, key=lambda name: others[name].last_used)
        return {name: loaded for name, loaded in self._loaded.items() if name != oldest}
