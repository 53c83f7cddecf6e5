"""SampleFloors: how large a sample must be for its score to be shown, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from echocast.model.drift.blocks import block_begin
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import MODEL, STORMS, Counts
from echocast.service.streams.verification_schemas import ScoreSample
from echocast.workers.settings import WorkerSettings


@dataclass(frozen=True)
class SampleFloors:
    """Sizes below which a score is marked as uncertain.

    Args:
        pixels: Hit, missed or falsely alarmed.
        blocks: Of six hours in which there were such pixels.
        storms: Observed: see :mod:`echocast.model.verification.storms`.
    """

    pixels: int = 1000
    blocks: int = 10
    storms: int = 60

    @classmethod
    def of(cls, settings: WorkerSettings) -> Self:
        """The floors that are configured."""
        return cls(
            settings.event_floor_pixels, settings.event_floor_blocks, settings.event_floor_storms
        )

    def sample(self, hourly: Mapping[datetime, Counts], threshold: float) -> ScoreSample:
        """The sample of the model's scores at a threshold, all lead times together."""
        events = {hour: model_events(vectors, threshold) for hour, vectors in hourly.items()}
        blocks = {block_begin(hour) for hour, pixels in events.items() if pixels}
        storms = sum(sum(v.get(f"0|{STORMS}|{threshold:g}", ())) for v in hourly.values())
        pixels = sum(events.values())
        enough = pixels >= self.pixels and len(blocks) >= self.blocks and storms >= self.storms
        return ScoreSample(pixels=pixels, blocks=len(blocks), storms=storms, enough=enough)


def model_events(vectors: Counts, threshold: float) -> int:
    """Pixels that the model hit, missed or falsely alarmed, all lead times together."""
    ending = f"|{MODEL}|{threshold:g}"
    return sum(
        ContingencyTable(*vector).union for name, vector in vectors.items() if name.endswith(ending)
    )
