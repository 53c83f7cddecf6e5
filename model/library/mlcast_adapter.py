"""Our model with the ``predict`` of mlcast's ``NowcastLightningModule``, without mlcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.frames import unmasked
from echocast.model.library.plain_arrays import Product, predict
from echocast.model.library.pysteps.values import PystepsValues

if TYPE_CHECKING:
    import torch

AMOUNT_MINUTES: Final = 5.0  # mlcast's rainfall_amount is that of five minutes
RATE: Final = {"unit": "mm/h", "zerovalue": 0.0}
AMOUNT: Final = {"unit": "mm", "zerovalue": 0.0, "accutime": AMOUNT_MINUTES}
STANDARD_NAMES: Final = {"rainfall_rate": RATE, "rainfall_flux": RATE, "rainfall_amount": AMOUNT}


class MlcastNowcaster:
    """The shipped model for programs that call models of mlcast 0.1.

    Unlike mlcast, which reads missing pixels as dry: NaN means missing, in and out.

    Example:
        >>> model = echocast.mlcast.MlcastNowcaster(step_minutes=5, km_per_pixel=1)
        >>> rate_mm_h = model.predict(past_mm_h, forecast_steps=10)

    Args:
        step_minutes: Time between frames.
        km_per_pixel: Side of a pixel.
        product: As of :func:`.plain_arrays.predict`.
        fill: Whether pixels without a forecast are filled, as there; False: they are NaN.
    """

    def __init__(
        self,
        *,
        step_minutes: float,
        km_per_pixel: float,
        product: Product = "csi_optimal",
        fill: bool = False,
    ) -> None:
        self.step_minutes = step_minutes
        self.km_per_pixel = km_per_pixel
        self.product = product
        self.fill = fill

    def predict(
        self,
        past: torch.Tensor | NDArray[Any],
        forecast_steps: int = 1,
        ensemble_size: int | None = 1,
        standard_name: str = "rainfall_rate",
    ) -> NDArray[np.float64]:
        """Forecast in the form of mlcast.

        Args:
            past: (time, height, width), at least ten frames, the last of which count.
            forecast_steps: How many, at most 24 and to 120 minutes; after ten the last one goes on.
            ensemble_size: 1 or None: there are no members, but :func:`.plain_arrays.predict` has
                probabilities.
            standard_name: ``rainfall_rate`` or ``rainfall_flux`` in mm/h, as mlcast converts both,
                or ``rainfall_amount`` in mm of five minutes.

        Returns:
            (1, forecast_steps, height, width) in the same unit.

        Raises:
            ContractViolation: Another name, an ensemble, or frames that break a rule.
        """
        values = _values(standard_name)
        if ensemble_size not in (1, None):
            raise ContractViolation(
                f"Echocast has no ensemble, so its size is 1, not {ensemble_size};"
                " echocast.predict gives probabilities.",
                rule="shape",
            )
        future_dbz = predict(
            values.reflectivity_dbz(_array(past)),
            step_minutes=self.step_minutes,
            km_per_pixel=self.km_per_pixel,
            product=self.product,
            leads=forecast_steps,
            fill=self.fill,
        )
        return values.of_reflectivity(future_dbz)[np.newaxis]


def _values(standard_name: str) -> PystepsValues:
    """What a standard name means.

    Raises:
        ContractViolation: mlcast has no such name.
    """
    if standard_name not in STANDARD_NAMES:
        raise ContractViolation(
            f"The standard name is one of {', '.join(STANDARD_NAMES)}, not {standard_name!r}.",
            rule="units",
        )
    return PystepsValues.of_metadata(STANDARD_NAMES[standard_name])


def _array(past: torch.Tensor | NDArray[Any]) -> NDArray[Any]:
    """A tensor's values on any device, or an array."""
    return unmasked(past if isinstance(past, np.ndarray) else past.detach().cpu().numpy())
