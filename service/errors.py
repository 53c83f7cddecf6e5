"""What the service itself can refuse, as domain exceptions.

    EchocastError
    └── ServiceError
        ├── NotPermitted           MissingKey, MissingScope, CrossSite, UnknownHost
        ├── RequestRefused         UnknownJob, UnknownParameter, UnknownFormat, NotAcceptable,
        │                          UnsupportedMediaType, BodyTooLarge, BodyTooSlow,
        │                          MalformedBody, ForecastNotReady, NoForecastYet, RateExceeded,
        │                          HeadTooLarge, HeadTooSlow, MalformedRequest, ShareUsed,
        │                          StreamPaused, NoMap, UnknownImage, UnknownRule,
        │                          RuleConflict
        ├── Unavailable            NoWorker, Busy, TooManyConnections, ChildLost,
        │                          Stopping
        └── StartRefused           the gateway must not start like this

The table in :mod:`echocast.service.http.problems` gives them their HTTP status.
"""

from __future__ import annotations

from echocast.model.errors import EchocastError


class ServiceError(EchocastError):
    """Root of the errors that the service raises on purpose."""


class NotPermitted(ServiceError):
    """The caller may not do this."""


class MissingKey(NotPermitted):
    """No key, or one that we do not know."""


class MissingScope(NotPermitted):
    """The key is known but does not cover this."""


class CrossSite(NotPermitted):
    """A browser sent this on behalf of a page of another site."""


class UnknownHost(NotPermitted):
    """The request is for a host name that is not ours."""


class RequestRefused(ServiceError):
    """Something is wrong with the request."""


class UnknownJob(RequestRefused):
    """No job has this id."""


class StreamPaused(RequestRefused):
    """The stream takes no frames until it is resumed."""


class UnknownParameter(RequestRefused):
    """The query names a parameter that the route does not have."""


class UnknownFormat(RequestRefused):
    """``?format=`` names a format that we do not write."""


class NotAcceptable(RequestRefused):
    """``Accept`` names no format that we write."""


class UnsupportedMediaType(RequestRefused):
    """The content type of the body is none that we read."""


class BodyTooLarge(RequestRefused):
    """The body has more bytes than the limit."""


class BodyTooSlow(RequestRefused):
    """The body took longer to arrive than the limit."""


class MalformedBody(RequestRefused):
    """The body is not what its content type says."""


class ForecastNotReady(RequestRefused):
    """The job has no forecast (yet)."""


class NoForecastYet(RequestRefused):
    """The stream has not issued a forecast."""


class NoMap(RequestRefused):
    """The stream can't be shown on a map, or not yet."""


class UnknownImage(RequestRefused):
    """There is no such image, or it is no longer stored."""


class UnknownRule(RequestRefused):
    """The caller has no such rule."""


class RuleConflict(RequestRefused):
    """Another caller has a rule of that name."""


class RateExceeded(RequestRefused):
    """More submissions a minute than the caller may make."""


class HeadTooLarge(RequestRefused):
    """The request line and the headers have more bytes than the limit."""


class HeadTooSlow(RequestRefused):
    """The request line and the headers took longer to arrive than the limit."""


class MalformedRequest(RequestRefused):
    """What arrived is no HTTP request."""


class ShareUsed(RequestRefused):
    """The caller has its share of something that all callers want; others may still enter."""


class Unavailable(ServiceError):
    """The service cannot take this now; the same request may succeed later."""


class NoWorker(Unavailable):
    """No worker has been seen for too long.

    Args:
        message: One or two sentences.
        retry_after_seconds: When one will probably be there; None: not known.
    """

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Busy(Unavailable):
    """Too many uploads wait to be decoded."""


class TooManyConnections(Unavailable):
    """More connections are open than may be."""


class Stopping(Unavailable):
    """The service was asked to stop."""


class ChildLost(Unavailable):
    """The child processes that worked on a request were ended from outside."""


class StartRefused(ServiceError):
    """The gateway must not start with these settings."""
