"""Precipitation nowcasting: ten radar frames in, the next ten out, in dBZ.

``import echocast`` loads nothing else; what is asked for is loaded then.

Attributes:
    read: Radar files as xarray: :func:`echocast.model.library.reading.read`.
    nowcast: A forecast of xarray, as xarray: :func:`echocast.model.library.nowcasting.nowcast`.
    rain_amount: Its rain in mm: :func:`echocast.model.library.amounts.rain_amount`.
    verify: How good it was: :func:`echocast.model.library.verification.verify`.
    scores: Scores of added counts: :func:`echocast.model.library.verification.scores`.
    predict: Forecast plain arrays: :func:`echocast.model.library.plain_arrays.predict`.
    pysteps: Forms of pysteps: :mod:`echocast.pysteps`.
    mlcast: The form of mlcast: :mod:`echocast.mlcast`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echocast import mlcast, pysteps
    from echocast.model.library.amounts import rain_amount
    from echocast.model.library.nowcasting import nowcast
    from echocast.model.library.plain_arrays import predict
    from echocast.model.library.reading import read
    from echocast.model.library.verification import scores, verify

__version__ = "2.1.0"
__all__ = [
    "__version__",
    "mlcast",
    "nowcast",
    "predict",
    "pysteps",
    "rain_amount",
    "read",
    "scores",
    "verify",
]

PUBLIC = {
    "nowcast": "nowcasting",
    "predict": "plain_arrays",
    "rain_amount": "amounts",
    "read": "reading",
    "scores": "verification",
    "verify": "verification",
}  # and the module of model/library/ of each
PEERS = ("mlcast", "pysteps")  # modules beside this one


def __getattr__(name: str) -> object:
    """A public name, imported at its first use (PEP 562)."""
    if name in PEERS:
        return import_module(f"echocast.{name}")
    if name not in PUBLIC:
        raise AttributeError(f"module 'echocast' has no attribute {name!r}")
    return getattr(import_module(f"echocast.model.library.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC, *PEERS})
