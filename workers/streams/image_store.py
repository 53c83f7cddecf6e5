"""ImageStore: the newest frames and forecasts of streams as images for maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from echocast.model.atomic_files import FileDigest
from echocast.model.formats.stream_layout import stamp, time_of
from echocast.model.imagery.codes import Codes
from echocast.model.imagery.image_file import SUFFIX, ImageDescription, write_images
from echocast.workers.archive.damage import recorded_digest, with_digest
from echocast.workers.archive.files import Files

Kind = Literal["observed", "forecasts", "differences"]
KINDS: Final[tuple[Kind, ...]] = ("observed", "forecasts", "differences")
ID_DIGITS: Final = 12  # of the hash of an image file, in its public name
Layers = tuple[Mapping[str, Codes], ImageDescription]


@dataclass(frozen=True)
class StoredImages:
    """An image file in the archive.

    Args:
        path: Its place; the name says its size and SHA-256.
        time: Valid time of the frame, or reference time of the forecast, UTC.
        source: What it shows: the first digits of a frame's hash, the id of a forecast, or both.
    """

    path: str
    time: datetime
    source: str

    @property
    def public_id(self) -> str:
        """A name that another content never has."""
        digest = recorded_digest(self.path)
        assert digest is not None, "image files have their hash in their names"
        return f"{stamp(self.time)}-{digest.sha256[:ID_DIGITS]}"

    @classmethod
    def of(cls, path: str) -> Self | None:
        """The file of a path; None where it is none of ours."""
        name = path.rpartition("/")[2]
        parts = name.split("_")
        if recorded_digest(path) is None or len(parts) != 3:
            return None
        return cls(path, time_of(name), parts[1])


class ImageStore:
    """Image files; safe to share among threads and processes."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def listing(self, stream: str, kind: Kind) -> list[StoredImages]:
        """The image files of a stream, oldest first."""
        entries = self._files.listing(image_folder(stream, kind))
        read = (StoredImages.of(entry.path) for entry in entries)
        return sorted((one for one in read if one), key=lambda one: (one.time, one.path))

    def add(
        self, stream: str, kind: Kind, time: datetime, source: str, make: Callable[[], Layers]
    ) -> None:
        """Make an image file and store it."""

        def name(digest: FileDigest) -> str:
            stem = f"{image_folder(stream, kind)}/{stamp(time)}_{source}"
            return with_digest(stem, digest, SUFFIX)

        self._files.add(lambda path: write_images(path, *make()), name, SUFFIX)

    def remove(self, images: StoredImages) -> None:
        """Remove an image file."""
        self._files.delete(images.path)

    def local_file(self, images: StoredImages) -> Path:
        """A local copy of an image file.

        Raises:
            NotInArchive: It is gone: newer ones are there.
            ArchiveDamaged: It is damaged.
        """
        return self._files.local(images.path)


def image_folder(stream: str, kind: Kind) -> str:
    """Where image files of a stream lie."""
    return f"images/{stream}/{kind}"
