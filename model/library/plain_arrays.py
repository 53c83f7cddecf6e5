"""``echocast.predict``: plain arrays in and out, for evaluation scripts."""

from __future__ import annotations

import warnings
from typing import Literal, NamedTuple, get_args, overload

import numpy as np

from echocast.model.contract import InputContract, split
from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.horizon import check_leads
from echocast.model.nowcaster import shipped_nowcaster
from echocast.model.sequence.plausibility import PLAUSIBILITY

Product = Literal["expected", "csi_optimal", "sharp"]


class ImplausibleInput(UserWarning):
    """Frames were replaced because they cannot follow the others."""


class PlainForecast(NamedTuple):
    """A forecast with its probabilities, as plain arrays.

    Args:
        reflectivity_dbz: (lead, height, width) in dBZ, as of :func:`predict`.
        exceedance_probability: (threshold, lead, height, width) in 0..1, NaN where no forecast is
            possible, also where ``reflectivity_dbz`` is filled.
        thresholds_dbz: The thresholds.
    """

    reflectivity_dbz: FloatArray
    exceedance_probability: FloatArray
    thresholds_dbz: tuple[float, ...]


@overload
def predict(
    frames: FloatArray,
    *,
    step_minutes: float,
    km_per_pixel: float = 1.0,
    product: Product = "csi_optimal",
    leads: int | None = None,
    fill: bool = True,
    probabilities: Literal[False] = False,
) -> FloatArray: ...
@overload
def predict(
    frames: FloatArray,
    *,
    step_minutes: float,
    km_per_pixel: float = 1.0,
    product: Product = "csi_optimal",
    leads: int | None = None,
    fill: bool = True,
    probabilities: Literal[True],
) -> PlainForecast: ...
def predict(
    frames: FloatArray,
    *,
    step_minutes: float,
    km_per_pixel: float = 1.0,
    product: Product = "csi_optimal",
    leads: int | None = None,
    fill: bool = True,
    probabilities: bool = False,
) -> FloatArray | PlainForecast:
    """Forecast plain arrays with the shipped default model, for evaluation scripts.

    No forecast is possible where the newest frame is missing, and where rain of a lead time would
    have come from beyond the grid. By default those pixels are filled, so that the answer has no
    NaN: by the newest observation, in ``expected`` half-way to its mean, and by 0 where that is
    missing. ``fill=False`` leaves NaN there: score that, and do not warn by what is filled.

    Frames that cannot follow the others (empty after wet ones, repeated, a jump) are replaced along
    the motion, with a warning.

    Example:
        >>> forecast_dbz = echocast.predict(frames_dbz, step_minutes=5, fill=False)

    Args:
        frames: (time, height, width) in dBZ, oldest first, at least ten, the newest of which count;
            0 where dry, NaN or masked (``numpy.ma``) where missing; integers are dBZ too.
        step_minutes: Time between frames.
        km_per_pixel: Side of a pixel.
        product: ``expected`` (least squared error), ``csi_optimal`` (best critical success index)
            or ``sharp`` (the intensities of the newest frame); see :mod:`echocast.model.products`.
        leads: How many, at most 24 and to 120 minutes: beyond the ten of the model they are
            scale-damped extrapolation of its last one. None: the model's.
        fill: Whether pixels without a forecast are filled; False: they are NaN.
        probabilities: Whether exceedance probabilities are given too.

    Returns:
        (lead, height, width) float32 in dBZ, 0 where dry; with ``probabilities`` a
        :class:`PlainForecast`.

    Raises:
        ContractViolation: Wrong shape, unit or step, or too many leads.
        ValueError: An unknown product.

    Warns:
        ImplausibleInput: Frames were replaced.
    """
    if product not in get_args(Product):
        raise ValueError(f"The product is one of {get_args(Product)}, not {product!r}.")
    observed = Frames.of_array(frames, step_minutes=step_minutes, km_per_pixel=km_per_pixel)
    forecast, newest = _forecast(observed, leads)
    if PLAUSIBILITY in forecast.quality:
        warnings.warn(forecast.quality[PLAUSIBILITY], ImplausibleInput, stacklevel=2)
    values = np.clip(_chosen(forecast, product).reflectivity_dbz, 0, None)
    if fill:
        guess = (newest + newest.mean()) / 2 if product == "expected" else newest
        values = np.where(np.isnan(values), guess, values)
    return _with_probabilities(values, forecast) if probabilities else values


def _forecast(observed: Frames, leads: int | None) -> tuple[Forecast, FloatArray]:
    """The forecast, and the newest frame (height, width) in dBZ, 0 where missing."""
    nowcaster = shipped_nowcaster()
    inputs, _ = split(observed, nowcaster.input_frames, InputContract())
    check_leads(leads, inputs.step, nowcaster.output_frames)
    prepared = nowcaster.prepare(inputs)
    forecast = nowcaster.finish(prepared, nowcaster.predict([prepared])[0], leads)
    return forecast, np.nan_to_num(prepared.newest_dbz, nan=0.0)


def _with_probabilities(values: FloatArray, forecast: Forecast) -> PlainForecast:
    assert forecast.exceedance_probability is not None  # the shipped model has them
    probability = forecast.exceedance_probability.astype(np.float32)
    return PlainForecast(values, probability, forecast.exceedance_thresholds_dbz)


def _chosen(forecast: Forecast, product: Product) -> Frames:
    if product == "sharp":
        return forecast.sharp()
    return forecast.frames if product == "csi_optimal" else forecast.expected or forecast.frames
