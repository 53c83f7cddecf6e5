"""OpenImages: image files that were asked for lately, open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from echocast.model.imagery.image_file import ImageFile
from echocast.service.errors import UnknownImage
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.image_store import KINDS, ImageStore, Kind, StoredImages

MOST_OPEN: Final = 128  # files: of two hours at a step of two minutes


@dataclass(frozen=True)
class Image:
    """One time of an image file.

    Args:
        id: Its public name, which no other content ever has.
        file: The file.
        index: Of its time within the file.
    """

    id: str
    file: ImageFile
    index: int

    @property
    def time(self) -> datetime:
        """What it depicts, UTC."""
        return self.file.description.times[self.index]

    @property
    def lead(self) -> timedelta | None:
        """Lead time of a forecast, None for what was observed."""
        reference = self.file.description.reference
        return None if reference is None else self.time - reference

    @classmethod
    def all_of(cls, public_id: str, file: ImageFile) -> list[Self]:
        """The images of all times of a file."""
        times = range(len(file.description.times))
        return [cls(public_id + _suffix(file, index), file, index) for index in times]


class OpenImages:
    """Finds images and holds their files open; safe to share among threads.

    Args:
        store: Where they lie.
    """

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._open: OrderedDict[tuple[str, str], ImageFile] = OrderedDict()
        self._lock = threading.Lock()

    def listing(self, stream: str, kind: Kind) -> list[Image]:
        """All images of a kind, in time order; of forecasts those of the newest one."""
        stored = self._store.listing(stream, kind)
        newest = stored[-1:] if kind == "forecasts" else stored
        images: list[Image] = []
        for one in newest:
            try:
                images += Image.all_of(one.public_id, self._file(stream, one))
            except NotInArchive:  # removed a moment ago, or damaged
                continue
        return images

    def find(self, stream: str, image_id: str) -> Image:
        """The image of a public name.

        Raises:
            UnknownImage: There is none, or it is no longer stored.
        """
        file_id = "-".join(image_id.split("-")[:2])
        for image in Image.all_of(file_id, self._of_id(stream, file_id)):
            if image.id == image_id:
                return image
        raise UnknownImage(f"The stream {stream!r} has no image {image_id!r}.")

    def _of_id(self, stream: str, file_id: str) -> ImageFile:
        with self._lock:
            if file := self._open.get((stream, file_id)):
                self._open.move_to_end((stream, file_id))
                return file
        for kind in KINDS:
            for stored in self._store.listing(stream, kind):
                if stored.public_id == file_id:
                    return self._file(stream, stored)
        raise UnknownImage(
            f"The stream {stream!r} has no image {file_id!r}: only the newest are stored."
        )

    def _file(self, stream: str, stored: StoredImages) -> ImageFile:
        key = stream, stored.public_id
        with self._lock:
            file = self._open.get(key)
        if file is None:
            file = ImageFile(self._store.local_file(stored))
            listed = [one.public_id for kind in KINDS for one in self._store.listing(stream, kind)]
            with self._lock:
                self._open[key] = file
                self._close_removed(stream, listed)
                while len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)
        return file

    def _close_removed(self, stream: str, listed: list[str]) -> None:
        """Close files that were removed meanwhile: open, they would still take their space."""
        for known, public_id in list(self._open):
            if known == stream and public_id not in listed:
                del self._open[known, public_id]


def _suffix(file: ImageFile, index: int) -> str:
    """What distinguishes the lead times of a forecast."""
    reference = file.description.reference
    if reference is None:
        return ""
    return f"-{(file.description.times[index] - reference).total_seconds() / 60:g}"
