"""ServedModel: the interface of a nowcaster that a worker uses."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from echocast.model.forecast import ForecastStream, ModelIdentity
from echocast.model.frames import Frames


class PreparedInput(Protocol):
    """Frames made ready for the network."""

    @property
    def batch_key(self) -> Hashable:
        """Only equal keys go into one launch."""

    @property
    def cost(self) -> int:
        """Pixels x frames."""


class ServedModel(Protocol):
    """A nowcaster in three phases; only the middle one runs in the batching thread."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights answer."""

    @property
    def fast_paths_refused(self) -> tuple[str, ...]:
        """Fast forms of its steps that disagreed with the plain ones when it was loaded."""

    @property
    def input_frames(self) -> int:
        """Frames that go in."""

    @property
    def output_frames(self) -> int:
        """Frames that come out."""

    def prepare(self, frames: Frames, input_sha256: str | None = None) -> Any:
        """Any thread: frames -> :class:`PreparedInput`.

        The frames' hash is computed where it is not known.
        """

    def predict(self, batch: Sequence[Any], progress: Callable[[], None]) -> list[Any]:
        """The batching thread: one prediction per prepared item; reports every step it makes."""

    def stream(self, prepared: Any, prediction: Any, leads: int | None = None) -> ForecastStream:
        """Any thread: a prediction -> the forecast of so many leads, made while it is written."""
