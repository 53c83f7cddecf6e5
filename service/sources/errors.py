"""What can go wrong with a source of radar images."""

from __future__ import annotations

from echocast.service.errors import ServiceError


class SourceError(ServiceError):
    """Root of what sources raise on purpose."""


class UnknownSource(SourceError):
    """No source has this name."""


class SourceUnusable(SourceError):
    """The file of a source is damaged or breaks a rule."""


class KeyMissing(SourceError):
    """The agency asks for a key, and there is none."""


class ListingUnreadable(SourceError):
    """An agency's list of images, or its answer to a call, is not what the source's file says."""


class ImageMissing(SourceError):
    """The agency answers that the image or the list is not there, perhaps only not yet."""
