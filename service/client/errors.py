"""What can go wrong when files are fed into a stream."""

from __future__ import annotations

from echocast.service.errors import ServiceError


class FeedError(ServiceError):
    """Root of what the feeding commands raise on purpose."""


class ServiceAway(FeedError):
    """The service did not answer for too long."""


class ServiceRefused(FeedError):
    """The service refuses to show its state, or is no Echocast."""


class AlreadyWatched(FeedError):
    """Another process watches the same directory for the same stream."""


class KeyUnusable(FeedError):
    """The API key that a command should send can't be sent."""


class FrameRefused(FeedError):
    """The service does not take a frame, and will not take it later.

    Args:
        message: Why, in the words of the service.
        rule: Stable name of the broken rule, if one was broken.
    """

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule
