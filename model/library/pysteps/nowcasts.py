"""A nowcast in the form of pysteps' methods: ``forecast(precip, velocity, timesteps, **kw)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import unmasked
from echocast.model.library.plain_arrays import Product, predict
from echocast.model.library.pysteps.values import PystepsValues


def forecast(
    precip: ArrayLike,
    velocity: object,
    timesteps: int | Sequence[float],
    *,
    metadata: Mapping[str, Any],
    timestep: float,
    kmperpixel: float,
    product: Product = "csi_optimal",
) -> NDArray[np.float64]:
    """Forecast in the form of ``pysteps.nowcasts``, with the shipped model.

    Two things differ from pysteps' methods. **Frames**: the last ten are needed, as S-PROG needs
    the last three; one field alone is refused. **Motion**: Echocast finds its own from these
    frames; ``velocity`` has its place in the form and is not looked at.

    pysteps up to 1.21.5 has a fixed list of methods, so there call this function itself; a branch
    of it looks for the entry point ``pysteps.plugins.nowcasts``, which we have.

    Example:
        >>> dbr, metadata = pysteps.utils.dB_transform(rate, metadata, threshold=0.1)
        >>> future = echocast.pysteps.forecast(
        ...     dbr, None, 10, metadata=metadata, timestep=5, kmperpixel=1
        ... )

    Args:
        precip: (time, m, n), oldest first, at least ten frames in even steps, the last of which
            count; NaN where missing.
        velocity: Not used; may be None.
        timesteps: How many, at most 24 and to 120 minutes; or which, ascending whole numbers of
            steps.
        metadata: pysteps' metadata of ``precip``: ``unit`` (dBZ, mm/h, mm), ``transform`` (dB or
            none), ``zerovalue``, and where it has them ``threshold``, ``zr_a``, ``zr_b``,
            ``accutime``.
        timestep: Minutes between frames.
        kmperpixel: Side of a pixel in km.
        product: As of :func:`.plain_arrays.predict`.

    Returns:
        (timesteps, m, n) in the unit and transform of ``precip``: ``zerovalue`` where dry, NaN
        where no forecast is possible, as where rain would come from beyond the grid.

    Raises:
        ContractViolation: One field, too few frames, other steps, or metadata that say too little.
    """
    del velocity
    frames = unmasked(precip)
    if frames.ndim == 2:
        raise ContractViolation(
            "Echocast needs the last ten frames as precip, (time, m, n), but this is one field"
            f" {frames.shape}.",
            rule="frame-count",
        )
    steps, values = _whole_steps(timesteps), PystepsValues.of_metadata(metadata)
    future_dbz = predict(
        values.reflectivity_dbz(frames),
        step_minutes=timestep,
        km_per_pixel=kmperpixel,
        product=product,
        leads=steps[-1],
        fill=False,
    )
    return values.of_reflectivity(future_dbz[[step - 1 for step in steps]])


def _whole_steps(timesteps: int | Sequence[float]) -> list[int]:
    """The steps that are requested, ascending.

    Raises:
        ContractViolation: None, or parts of steps.
    """
    if isinstance(timesteps, int | np.integer):
        return list(range(1, int(timesteps) + 1)) or _refused(timesteps)
    steps = [int(step) for step in timesteps if float(step).is_integer() and step >= 1]
    whole = len(steps) == len(timesteps) and bool((np.diff(steps) > 0).all())
    return steps if steps and whole else _refused(timesteps)


def _refused(timesteps: object) -> list[int]:
    raise ContractViolation(
        "timesteps must be a positive number, or ascending whole numbers of steps, not"
        f" {short(timesteps)!r}.",
        rule="lead-count",
    )
