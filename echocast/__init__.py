"""Precipitation nowcasting: ten radar frames in, the next ten out, in dBZ.

``import echocast`` loads nothing else; what is asked for is loaded then.

Attributes:
    predict: Forecast plain arrays: :func:`echocast.model.nowcaster.predict`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echocast.model.nowcaster import predict

__version__ = "2.0.0"
__all__ = ["__version__", "predict"]

PUBLIC = {"predict": "echocast.model.nowcaster"}


def __getattr__(name: str) -> object:
    """A public name, imported at its first use (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'echocast' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
