"""Quality: what a reader should know before trusting a forecast, a sentence by subject."""

from __future__ import annotations

from collections.abc import Iterator

from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.inference.preprocessing import Prepared
from echocast.model.network.config import NetworkConfig

BEYOND = (
    "The network makes the leads to {last:.3g} minutes; those after it are scale-damped"
    " extrapolation of its last one."
)
ROUNDING = 1.05  # a grid of nominal kilometres has pixels of 0.99 or 1.01 km


def quality(prepared: Prepared, config: NetworkConfig, leads: int) -> dict[str, str]:
    """Notes of the input, an assumed pixel size, and what lies beyond the network.

    Args:
        prepared: The input.
        config: Of the network.
        leads: Lead times of the forecast.
    """
    notes = dict(prepared.newest.notes)
    if prepared.newest.grid.pixel_size_km is None:
        notes["pixel_size"] = f"The grid does not say; {DEFAULT_PIXEL_KM} km was assumed."
    if beyond := list(_beyond_training(prepared, config, min(leads, config.output_frames))):
        notes["beyond_training"] = " ".join(beyond)
    if leads > config.output_frames:
        last = config.output_frames * prepared.step.total_seconds() / 60
        notes["horizon"] = BEYOND.format(last=last)
    return notes


def _beyond_training(prepared: Prepared, config: NetworkConfig, leads: int) -> Iterator[str]:
    """A sentence for each property of the input, or of so many leads, that no window had."""
    step = prepared.step.total_seconds() / 60
    last = leads * step
    for name, value, unit, trained in (
        ("Pixels", prepared.pixel_km, "km", config.trained_pixel_km),
        ("Time steps", step, "minutes", config.trained_step_minutes),
    ):
        if trained is not None and not _lies_in(value, trained):
            yield f"{name} of {value:.3g} {unit}: training had {trained[0]:g} to {trained[1]:g}."
    trained = config.trained_lead_minutes
    if trained is not None and not _lies_in(last, trained):
        yield f"Leads to {last:.3g} minutes: training had them to {trained[1]:g}."


def _lies_in(value: float, trained: tuple[float, float]) -> bool:
    return trained[0] / ROUNDING <= value <= trained[1] * ROUNDING
