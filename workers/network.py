"""What a worker needs of a nowcaster, and the ones it has loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from model.forecast import Forecast, ModelIdentity
from model.frames import Frames

MOST_LOADED = 3


class Prepared(Protocol):
    """Frames made ready for the network."""

    @property
    def batch_key(self) -> Hashable:
        """Only equal keys go into one launch."""

    @property
    def cost(self) -> int:
        """Pixels x frames."""


class Network(Protocol):
    """A nowcaster in three phases, of which only the middle one belongs to the batching thread."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights answer."""

    def prepare(self, frames: Frames) -> Any:
        """Any thread: frames -> :class:`Prepared`."""

    def predict(self, batch: Sequence[Any], progress: Callable[[], None]) -> list[Any]:
        """The batching thread: one prediction per prepared item; reports every step it makes."""

    def finish(self, prepared: Any, prediction: Any) -> Forecast:
        """Any thread: a prediction -> the forecast."""


class LoadedNetworks:
    """The networks in memory: the champion, and lately wanted versions; safe to share.

    Args:
        load: Loads ``champion`` or ``name/version``.
    """

    def __init__(self, load: Callable[[str], Network]) -> None:
        self._load = load
        self._lock = threading.Lock()
        champion = load("champion")
        self._networks = {_reference(champion.identity): champion}

    @property
    def names(self) -> tuple[str, ...]:
        """What is loaded, as ``name/version``."""
        return tuple(self._networks)

    def get(self, model: ModelIdentity) -> Network:
        """The network of that name and version, loaded if need be.

        Raises:
            CheckpointError: There is no such model.
        """
        reference = _reference(model)
        with self._lock:
            if reference not in self._networks:
                self._networks = {**self._kept(), reference: self._load(reference)}
            return self._networks[reference]

    def _kept(self) -> dict[str, Network]:
        """The champion of the start and the newest others, with room for one more."""
        champion, *others = self._networks.items()
        return dict([champion, *others[-(MOST_LOADED - 2) :]])


def _reference(model: ModelIdentity) -> str:
    return f"{model.name}/{model.version}"
