"""StreamSource: whose images a stream has, and on which terms they are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamSource:
    """Said of a stream when it is declared; carried into its frames, forecasts and answers.

    Args:
        title: Agency and product.
        licence: SPDX identifier, or how the agency calls its terms.
        licence_url: Where the terms stand.
        attribution: The sentence that has to stand beside what is made of the images.
    """

    title: str
    licence: str
    licence_url: str
    attribution: str

    def attributes(self) -> dict[str, str]:
        """As global attributes of NetCDF files, by ACDD 1.3."""
        return {
            "license": f"{self.licence} ({self.licence_url})",
            "acknowledgement": self.attribution,
        }
