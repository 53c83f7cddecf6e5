"""What is answered of how good a stream's forecasts were, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime

from echocast.service.http.schemas import Answer, Scores


class StreamLeadScores(Scores):
    """Scores at one lead time."""

    lead_minutes: float
    forecasts: int
    """How many forecasts were compared with a frame (count)."""


class StreamThreshold(Answer):
    """Scores of one method at one threshold."""

    leads: list[StreamLeadScores]
    pooled: Scores
    """All leads together; near leads dominate."""


class ReliabilityClass(Answer):
    """One class of forecast probabilities."""

    probability: float
    """Middle of the class."""
    pixels: int
    observed_frequency: float | None


class ScoreSample(Answer):
    """The sample of the model's scores at a threshold, all lead times together."""

    pixels: int
    """Pixels with a hit, a miss or a false alarm (count)."""
    blocks: int
    """Blocks of six hours with such pixels (count)."""
    storms: int
    """Observed storms of 10 km2 or more, counted in the first frame of each hour."""
    enough: bool
    """Whether all three reach the service's floors; if not, weather decides the scores."""


class StreamVerification(Answer):
    """How good a stream's forecasts were: counts, and the scores that are their quotients."""

    stream: str
    first: datetime
    """Beginning of the first hour that counts, by valid time."""
    last: datetime
    """End of the last hour that counts."""
    methods: dict[str, dict[str, StreamThreshold]]
    """Method -> threshold in dBZ -> scores."""
    samples: dict[str, ScoreSample]
    """Threshold in dBZ -> the sample of its scores."""
    floors: dict[str, int]
    """Smallest sample of a reliable score: pixels, blocks, storms."""
    paired_skill: dict[str, list[float | None]]
    """Threshold in dBZ -> for each lead (CSI_model - CSI_ref) / (1 - CSI_ref) against decoded
    extrapolation; null where fewer than 1000 pixels were events of either."""
    reliability: dict[str, list[ReliabilityClass]]
    corrections: int
    """How often counts were replaced because a frame was, since the index was made."""
