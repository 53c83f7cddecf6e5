"""ZarrArchive: years of radar images in a Zarr store, of which a few are in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import InputTooLarge, short
from echocast.model.formats.crop import Crop, Window
from echocast.model.formats.netcdf.dataset import RadarDataset
from echocast.model.formats.reading import Reading, Stated
from echocast.model.formats.units import radar_unit
from echocast.model.formats.zarr.chunks import ChunkedValues
from echocast.model.formats.zarr.description import description
from echocast.model.formats.zarr.store import open_store
from echocast.model.frames import Frames

if TYPE_CHECKING:
    import xarray as xr

PART_PIXELS = 16_000_000  # of the frames that are read together
MOST_PIXELS = 128_000_000  # of the chunks that a part needs: about 1 GiB with what is made of them


class ZarrArchive:
    """The frames of a Zarr archive, read in parts; :func:`open_archive` opens one.

    Args:
        radar: Attributes and coordinates of the radar field.
        stored: Its values.
        chunks: Length of a chunk along each dimension of the field.
        crop: The part that is read, and how coarse.
    """

    def __init__(
        self, radar: RadarDataset, stored: ChunkedValues, chunks: tuple[int, ...], crop: Crop
    ) -> None:
        self._radar, self._stored, self._crop = radar, stored, crop
        self.where = radar.where
        self.times: tuple[datetime, ...] = radar.times.times
        height, width = radar.shape[1:]
        self._window: Window = (
            (slice(0, height), slice(0, width)) if crop.is_whole else radar.region(crop)
        )
        self._together = self._frames_together(chunks)

    @classmethod
    def of(cls, radar: RadarDataset, store: xr.Dataset, group: Any, crop: Crop) -> Self:
        """The archive of an open store.

        Raises:
            InputTooLarge: A frame or a chunk is larger than the limits allow.
            ContractViolation: The times break a rule, or the crop makes no region.
        """
        field = radar.field.variable
        variable = store.variables[field.name]
        chunks = tuple(variable.encoding.get("chunks") or variable.shape)
        where = f"Variable {short(field.name)!r} of {radar.where}"
        InputContract().check_size((1, *radar.shape[1:]), where)
        fill = group[field.name].fill_value
        stored = ChunkedValues(variable, chunks, fill, field.dtype, radar.where)
        return cls(radar, stored, chunks, crop)

    def _frames_together(self, chunks: tuple[int, ...]) -> int:
        """How many frames are read at once: whole chunks along time."""
        axes, dimensions = self._radar.axes, self._radar.field.variable.dimensions
        deep = 1 if axes.time is None else chunks[dimensions.index(axes.time)]
        pixels = 1
        for axis, part in zip((axes.y, axes.x), self._window, strict=True):
            chunk = chunks[dimensions.index(axis)]
            pixels *= (-(-part.stop // chunk) - part.start // chunk) * chunk
        if deep * pixels > MOST_PIXELS:
            raise InputTooLarge(
                f"The chunks of {self.where} are {deep} frames deep, so that {deep * pixels} values"
                f" must be in memory for any frame; at most {MOST_PIXELS} may. Write the archive"
                " anew with one frame a chunk, or read a smaller region."
            )
        return deep * max(1, PART_PIXELS // (deep * pixels))

    def within(self, begin: datetime | None, end: datetime | None) -> list[int]:
        """Indices of the frames from one time to another, both included; None: no limit."""
        return [
            k
            for k, time in enumerate(self.times)
            if (begin is None or begin <= time) and (end is None or time <= end)
        ]

    def parts(self, indices: Sequence[int]) -> Iterator[slice]:
        """Frames in parts that are read at once: neighbours, in whole chunks where they can be.

        Args:
            indices: Of frames, in order.
        """
        start = 0
        for stop in range(1, len(indices) + 1):
            if stop == len(indices) or not self._are_together(indices[stop - 1], indices[stop]):
                yield slice(indices[start], indices[stop - 1] + 1)
                start = stop

    def _are_together(self, before: int, now: int) -> bool:
        return now == before + 1 and now // self._together == before // self._together

    def frames(self, part: slice) -> Frames:
        """A part of the frames: those in which something was measured.

        Raises:
            UnreadableInput: A chunk is damaged.
            ContractViolation: Values break a rule.
            InputError: The store does not answer.
        """
        frames = self._radar.frames((part, *self._window), self._stored)
        measured = [k for k, frame in enumerate(frames.reflectivity_dbz) if not _is_empty(frame)]
        if len(measured) < len(frames):
            times = [frames.times[k] for k in measured]
            frames = frames.derived(frames.reflectivity_dbz[measured], times)
        return self._crop.coarser(frames) if len(frames) else frames


def _is_empty(frame: Any) -> bool:
    return bool(np.isnan(frame).all())


@contextmanager
def open_archive(url: str, reading: Reading | None = None) -> Iterator[ZarrArchive]:
    """An open Zarr archive; only its coordinates are read.

    Args:
        url: A folder, or an address that fsspec knows (``s3://...``).
        reading: What the caller says of it; None: nothing.

    Raises:
        UnsupportedInput: What reads it is not installed.
        UnreadableInput: There is no archive that can be read.
        InputTooLarge: It claims more than the limits allow.
        ContractViolation: It has no radar field, or the field or its times break a rule.
    """
    known, where = reading or Reading(), short(url)
    with open_store(url) as (store, group), description(store, where) as dataset:
        radar = _with_interval(RadarDataset.of(dataset, known.variable, where), known.stated)
        yield ZarrArchive.of(radar, store, group, known.crop)


def _with_interval(radar: RadarDataset, stated: Stated) -> RadarDataset:
    """The dataset, with the interval of its amounts where only the caller says it: ``mm/5min``.

    Raises:
        ContractViolation: Something else is stated.
    """
    own, unit = radar.field.unit, radar_unit(stated.units or "")
    if (
        unit is None
        or unit.interval is None
        or stated != Stated(stated.units)
        or (own.kind, own.interval, own.factor) != (unit.kind, None, unit.factor)
    ):
        stated.check_unused(radar.where)
        return radar
    return replace(radar, field=replace(radar.field, unit=replace(own, interval=unit.interval)))
