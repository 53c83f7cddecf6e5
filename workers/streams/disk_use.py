"""DiskUse: what a stream takes of the disk, and for how long there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Self

from echocast.workers.archive.damage import recorded_digest
from echocast.workers.archive.disk_shares import GB, stream_limit_gb
from echocast.workers.archive.files import Files
from echocast.workers.streams.image_store import KINDS, image_folder
from echocast.workers.streams.paths import day_folders
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

DAY_SECONDS = 86400
# Before a stream has files, as if it rained everywhere: `python -m benchmarks disk`.
FRAME_BYTES_A_PIXEL: Final = 1.6
FORECAST_BYTES_A_PIXEL: Final = 64.0


@dataclass(frozen=True)
class DiskUse:
    """Frames, forecasts, and images for maps of a stream on the disk, in GB (10^9 bytes).

    Args:
        gb: What they take now.
        gb_a_day: What is added in a day, by the newest files; before there are any, by the grid as
            if it rained everywhere; None where no grid is known. Images are not: of two hours and
            two forecasts there are always as many.
        limit_gb: Beyond which the oldest are removed.
        spare_gb: Room on the disk, for all streams; None where there is no limit.
        retention_days: After which they are removed.
    """

    gb: float
    gb_a_day: float | None
    limit_gb: float
    spare_gb: float | None
    retention_days: float

    @classmethod
    def of(cls, stores: StreamStores, stream: Stream, default_gb: float | None) -> Self:
        """What a stream takes now.

        Args:
            stores: The files.
            stream: Which.
            default_gb: GB of a stream that declares no limit; None: a share of the disk.
        """
        spare = stores.files.spare_bytes()
        a_day = _bytes_a_step(stores, stream)
        return cls(
            gb=stored_bytes(stores.files, stream.name) / GB,
            gb_a_day=a_day and a_day * DAY_SECONDS / stream.step.total_seconds() / GB,
            limit_gb=limit_bytes(stores, stream, default_gb) / GB,
            spare_gb=None if spare is None else spare / GB,
            retention_days=stream.retention_days,
        )

    @property
    def days_left(self) -> float | None:
        """Days until the first files go; None where that is not known."""
        if not self.gb_a_day:
            return None
        by_age = max(self.retention_days - self.gb / self.gb_a_day, 0.0)
        return min(by_age, self._room / self.gb_a_day)

    @property
    def _room(self) -> float:
        """GB until the limit, or the end of the disk."""
        room = self.limit_gb - self.gb
        return max(room if self.spare_gb is None else min(room, self.spare_gb), 0.0)

    @property
    def summary(self) -> str:
        """One sentence for an operator."""
        left = self.days_left
        if self.gb_a_day is None or left is None:
            return f"At most {self.limit_gb:.3g} GB; how much a day, the first frame shows."
        return f"About {self.gb_a_day:.2g} GB a day; {self._end(left, self.gb_a_day)}."

    def _end(self, left: float, gb_a_day: float) -> str:
        days = f"in {left:.2g} days, then the oldest go" if left else "now, the oldest go"
        if self._room / gb_a_day > left:
            at_most = gb_a_day * self.retention_days
            return f"{at_most:.2g} GB in all, as the oldest go after {self.retention_days:g} days"
        if self.spare_gb is not None and self.spare_gb < self.limit_gb - self.gb:
            return f"the disk is full {days}"
        return f"full (its limit of {self.limit_gb:.3g} GB) {days}"


def limit_bytes(stores: StreamStores, stream: Stream, default_gb: float | None) -> int:
    """Bytes that frames and forecasts of a stream may take."""
    limit_gb = stream.retention_gb
    if limit_gb is None:
        limit_gb = stream_limit_gb(stores.files, default_gb, len(stores.streams.names()))
    return round(GB * limit_gb)


def stored_bytes(files: Files, stream: str) -> int:
    """Bytes of a stream's frames, forecasts, and images for maps."""
    roots = (f"frames/{stream}", f"forecasts/{stream}")
    folders = [folder for root in roots for folder in day_folders(files, root)]
    folders += [image_folder(stream, kind) for kind in KINDS]
    return sum(map(files.folder_bytes, folders))


def _bytes_a_step(stores: StreamStores, stream: Stream) -> float | None:
    """Bytes of one frame and of what is forecast from it."""
    origin = stores.streams.origin(stream.name)
    grid = origin.grid if origin else stream.grid
    pixels = grid.shape[0] * grid.shape[1] if grid else None
    frame = _mean(_newest_frames(stores, stream.name), FRAME_BYTES_A_PIXEL, pixels)
    if not stream.auto_nowcast:
        return frame
    forecast = _mean(_newest_forecasts(stores, stream.name), FORECAST_BYTES_A_PIXEL, pixels)
    return None if frame is None or forecast is None else frame + forecast


def _mean(sizes: Sequence[int], a_pixel: float, pixels: int | None) -> float | None:
    return fmean(sizes) if sizes else pixels and a_pixel * pixels


def _newest_frames(stores: StreamStores, name: str) -> list[int]:
    """Sizes of the frames of the newest day."""
    for folder in day_folders(stores.files, f"frames/{name}", newest_first=True):
        return [entry.size for entry in stores.files.listing(folder)]
    return []


def _newest_forecasts(stores: StreamStores, name: str) -> list[int]:
    """Sizes of the served forecasts of the newest day; names of files say them."""
    for folder in day_folders(stores.files, f"forecasts/{name}", newest_first=True):
        paths = [issued.path for issued in stores.forecasts.on_day(folder) if issued.served]
        return [digest.size for path in paths if (digest := recorded_digest(path))]
    return []
