"""For users of mlcast, which is no dependency.

Attributes:
    MlcastNowcaster: Our model with the ``predict`` of mlcast's ``NowcastLightningModule``.
"""

from echocast.model.library.mlcast_adapter import MlcastNowcaster

__all__ = ["MlcastNowcaster"]
