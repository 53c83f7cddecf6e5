"""The front matter of a model card, as Hugging Face reads it (YAML, hub documentation)."""

from __future__ import annotations

LINES = """\
library_name: echocast
pipeline_tag: time-series-forecasting
tags:
- precipitation-nowcasting
- weather-radar
- safetensors
metrics:
- critical success index
- frequency bias
- mean squared error
"""


def front_matter(reference: str, licence: str = "") -> str:
    """What stands before the first line of a card.

    Args:
        reference: ``name/version``.
        licence: Of the weights, in lower case SPDX; empty: not stated, as of a model that was
            retrained on an archive whose terms nobody but its owner knows.
    """
    name, _, version = reference.partition("/")
    stated = f"license: {licence}\n" if licence else ""
    return f"---\n{stated}model_name: {name} {version}\n{LINES}---\n\n"
