"""A nowcaster that repeats the last frame, or misbehaves as the frames' ``fake`` attribute says.

``kill`` ends the process, ``kill-once:<path>`` only where the path is missing, ``hang`` never
returns, ``raise`` fails, ``short:<what>`` fails for want of files, disk or memory,
``short-once:<path>`` only where the path is missing, ``slow:<seconds>`` takes its time,
``until:<path>`` goes on once the path is there, ``note:<folder>`` writes version and reference time
into ``prepared`` and ``launches`` in the folder and goes on once ``gate`` is there,
``steps:<seconds>`` takes its time and reports ten steps, ``parts:<seconds>`` takes its time for
each lead, ``greedy`` runs out of memory in company, ``hungry`` even alone.
"""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from echocast.model.errors import CheckpointError
from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity
from echocast.model.frames import Frames
from echocast.model.horizon import sources_beyond

STEPS = 10
SHORTAGES: dict[str, Exception] = {
    "files": OSError(errno.EMFILE, "There are too many files."),
    "disk": OSError(errno.ENOSPC, "There is no space."),
    "memory": MemoryError(),
}
CHAMPION = ModelIdentity("fake", "1", "f" * 64)


@dataclass(frozen=True, eq=False)
class FakePrepared:
    frames: Frames

    @property
    def batch_key(self) -> tuple[int, ...]:
        return self.frames.reflectivity_dbz.shape

    @property
    def cost(self) -> int:
        return self.frames.reflectivity_dbz.size

    @property
    def mood(self) -> str:
        return self.frames.attributes.get("fake", "")


class FakeNowcaster:
    fast_paths_refused: tuple[str, ...] = ()
    input_frames = output_frames = STEPS

    def __init__(self, identity: ModelIdentity = CHAMPION) -> None:
        self.identity = identity
        self.batches: list[int] = []

    def prepare(self, frames: Frames, input_sha256: str | None = None) -> FakePrepared:
        if frames.attributes.get("fake") == "bad-frames":
            raise ValueError("These frames can't be prepared.")
        prepared = FakePrepared(frames)
        self._note(prepared, "prepared")
        return prepared

    def predict(
        self, batch: Sequence[FakePrepared], progress: Callable[[], None]
    ) -> list[np.ndarray]:
        self.batches.append(len(batch))
        self._note(batch[0], "launches")
        for item in batch:
            misbehave(item.mood, len(batch), progress)
        return [item.frames.reflectivity_dbz[-1] for item in batch]

    def _note(self, item: FakePrepared, what: str) -> None:
        verb, _, folder = item.mood.partition(":")
        if verb == "note":
            time = item.frames.times[-1].isoformat()
            with (Path(folder) / what).open("a") as notes:
                notes.write(f"{self.identity.version} {time}\n")

    def stream(
        self, prepared: FakePrepared, prediction: np.ndarray, leads: int | None = None
    ) -> ForecastStream:
        frames, count = prepared.frames, leads or STEPS
        repeated = np.repeat(prediction[None], count, axis=0)
        step = frames.step
        times = [frames.times[-1] + step * lead for lead in range(1, count + 1)]
        assert times[0] - frames.times[-1] > timedelta(0)
        forecast = frames.with_values(repeated, times)
        whole = Forecast(
            forecast,
            forecast,
            forecast,
            frames.times[-1],
            self.identity,
            frames.sha256(),
            quality={"fake": "yes"},
            lead_sources=sources_beyond(STEPS, count),
        )
        verb, _, seconds = prepared.mood.partition(":")
        return replace(
            whole.stream(), parts=slowly(whole, float(seconds if verb == "parts" else 0))
        )


def noted(path: Path) -> list[tuple[str, datetime]]:
    """Version of the model and reference time of each line, in order."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [(line.split()[0], datetime.fromisoformat(line.split()[1])) for line in lines]


def slowly(whole: Forecast, seconds: float) -> Iterator[Forecast]:
    """Lead by lead."""
    for lead in range(len(whole.frames)):
        time.sleep(seconds)
        frames = whole.frames[lead : lead + 1]
        yield replace(whole, frames=frames, extrapolation=frames, persistence=frames)


def misbehave(mood: str, batch_items: int, progress: Callable[[], None]) -> None:
    verb, _, argument = mood.partition(":")
    if verb == "kill" or (verb == "kill-once" and not Path(argument).exists()):
        if argument:
            Path(argument).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if verb == "hang":
        time.sleep(600)
    if verb == "slow":
        time.sleep(float(argument))
    gate = {"until": Path(argument), "note": Path(argument) / "gate"}.get(verb)
    while gate and not gate.exists():
        time.sleep(0.01)
    for _ in range(STEPS if verb == "steps" else 0):
        time.sleep(float(argument))
        progress()
    if verb == "short" or (verb == "short-once" and not Path(argument).exists()):
        if verb == "short-once":
            Path(argument).touch()
        raise SHORTAGES.get(argument, OSError(errno.ENOSPC, "There is no space."))
    if verb == "raise":
        raise ValueError("This item is bad.")
    if verb == "hungry" or (verb == "greedy" and batch_items > 1):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def load_fake(settings: Any, reference: str) -> FakeNowcaster:
    if reference == "fake/1":
        return FakeNowcaster()
    name, _, version = reference.partition("/")
    if name != "fake":
        raise CheckpointError(f"There is no model {reference!r}.")
    if version == "slow":
        (settings.models_root / "loading").touch()
        time.sleep(2)
    return FakeNowcaster(ModelIdentity(name, version, "e" * 64))
