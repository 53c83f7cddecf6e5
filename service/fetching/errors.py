"""What can go wrong between this machine and an agency."""

from __future__ import annotations

from echocast.service.errors import ServiceError


class FetchError(ServiceError):
    """Root of what fetching raises on purpose."""


class AddressRefused(FetchError):
    """An address that nothing is fetched from: another host, without TLS, or not public."""


class AnswerTooLarge(FetchError):
    """An answer has more bytes than the limit."""


class AgencyAway(FetchError):
    """The agency does not answer, answers only half, or takes too long."""


class AgencyRefuses(FetchError):
    """The agency answers by a status that is neither success nor "not yet".

    Args:
        message: One sentence.
        retry_after_seconds: When it wants to be asked again; 0: it does not say.
    """

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StreamElsewhere(FetchError):
    """The stream that images should go to was declared for something else."""
