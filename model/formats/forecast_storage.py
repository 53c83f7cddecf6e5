"""ForecastStorage: what of a forecast stays in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from echocast.model.errors import ContractViolation, NotStored, short

if TYPE_CHECKING:
    import netCDF4

Level = Literal[1, 2, 3, 4, 5, 6, 7, 8, 9]  # of zlib, from the fastest to the smallest
PRODUCTS: Final = {  # that a file may go without, and their variables
    "expected": "reflectivity_expected",
    "sharp": "reflectivity_sharp",
    "probabilities": "exceedance_probability",
}
NOT_STORED: Final = "not_stored"  # global attribute: what was left out, separated by commas
LONGEST_LEAD_MINUTES: Final = 1440.0


@dataclass(frozen=True)
class ForecastStorage:
    """What of a forecast stays in its file, besides what is compared with observations.

    The default product, extrapolation and the newest observation always stay.

    Args:
        products: Of ``expected``, ``sharp`` and ``probabilities`` those that stay.
        longest_lead_minutes: Lead times up to this one stay; None: all of them.
        compression_level: Of zlib, 1 (fastest) to 9 (smallest); files of small grids have none.

    Raises:
        ContractViolation: There is no such product or level, or no lead time would be left.
    """

    products: tuple[str, ...] = tuple(PRODUCTS)
    longest_lead_minutes: float | None = None
    compression_level: Level = 1

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.products) - set(PRODUCTS)):
            raise _refusal(f"products are {', '.join(PRODUCTS)}", short(unknown[0]))
        if self.compression_level not in get_args(Level):
            raise _refusal("compression_level is 1 to 9", short(self.compression_level))
        longest = self.longest_lead_minutes
        if longest is not None and not 0 < longest <= LONGEST_LEAD_MINUTES:
            expected = f"longest_lead_minutes is above 0 and at most {LONGEST_LEAD_MINUTES:g}"
            raise _refusal(expected, f"{longest:g}")

    @property
    def left_out(self) -> list[str]:
        """Variables that are not stored."""
        return [variable for name, variable in PRODUCTS.items() if name not in self.products]

    def stores(self, lead_minutes: float) -> bool:
        """Whether a lead time is stored."""
        return self.longest_lead_minutes is None or lead_minutes <= self.longest_lead_minutes

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal one back."""
        return {**asdict(self), "products": list(self.products)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` described."""
        return cls(**{**value, "products": tuple(value["products"])})


WHOLE: Final = ForecastStorage()


def _refusal(expected: str, value: str) -> ContractViolation:
    return ContractViolation(f"In storage, {expected}, not {value}.", rule="storage")


def not_stored(dataset: netCDF4.Dataset) -> list[str]:
    """What a forecast file says that it goes without."""
    if NOT_STORED not in dataset.ncattrs():
        return []
    return not_stored_words(dataset.getncattr(NOT_STORED))


def not_stored_words(text: str) -> list[str]:
    """The names in the attribute that says what a file goes without; none in an empty one."""
    return text.split(", ") if text else []


def check_stored(dataset: netCDF4.Dataset, variable: str) -> None:
    """Make sure that a forecast file does not go without a variable on purpose.

    Raises:
        NotStored: It does.
    """
    if variable in not_stored(dataset):
        raise NotStored(
            f"{variable} of this forecast is not stored: the stream's declaration (storage) leaves"
            " it out. Nothing is computed in its place."
        )
