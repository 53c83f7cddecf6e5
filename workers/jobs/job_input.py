"""JobInput: the frames of a job with what a reader should know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from echocast.model.forecast import Forecast
from echocast.model.frames import Frames


@dataclass(frozen=True, eq=False)
class JobInput:
    """What a job is forecast from.

    Args:
        frames: The input frames.
        quality: Notes that the forecast carries on, e.g. that a frame was interpolated.
        without_network: The forecast, where there are too few frames for the network.
        sha256: Hash of the frames, where it is known.
    """

    frames: Frames
    quality: Mapping[str, str] = field(default_factory=dict)
    without_network: Forecast | None = None
    sha256: str | None = None
