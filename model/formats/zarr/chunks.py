"""The stored values of a field in a Zarr store, read by whole chunks; where none is, missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.zarr.store import values_read

if TYPE_CHECKING:
    import xarray as xr

Index = tuple[slice | int, ...]
Region = tuple[tuple[int, int], ...]


class ChunkedValues:
    """Stored values; a part that is asked for is cut out of whole chunks.

    Zarr does not store a chunk that holds nothing but the fill value, and a chunk that is gone
    reads as one: it may be dry or lost. Missing is not dry, so such a chunk is masked.

    Args:
        variable: The field; values are read when they are asked for.
        chunks: Length of a chunk along each dimension.
        fill: What the store gives for values that it does not have.
        dtype: That values are given in.
        where: Names the store in messages.
    """

    def __init__(
        self,
        variable: xr.Variable,
        chunks: tuple[int, ...],
        fill: Any,
        dtype: np.dtype[Any],
        where: str,
    ) -> None:
        self._variable, self._chunks, self._fill = variable, chunks, fill
        self._dtype, self._where = dtype, where
        self._region: Region | None = None
        self._values: np.ma.MaskedArray[Any, Any] = np.ma.MaskedArray([])

    def __getitem__(self, index: Index, /) -> np.ma.MaskedArray[Any, Any]:
        """A part, masked where no chunk is.

        Raises:
            UnreadableInput: A chunk is damaged.
            InputError: The store does not answer.
        """
        spans = [
            range(length)[part] if isinstance(part, slice) else range(part, part + 1)
            for part, length in zip(index, self._variable.shape, strict=True)
        ]
        region = tuple(
            (span.start // chunk * chunk, min(-(-span.stop // chunk) * chunk, length))
            for span, chunk, length in zip(spans, self._chunks, self._variable.shape, strict=True)
        )
        if region != self._region:
            self._values, self._region = self._read(region), region
        inside = tuple(
            slice(span.start - start, span.stop - start)
            if isinstance(part, slice)
            else span.start - start
            for part, span, (start, _) in zip(index, spans, region, strict=True)
        )
        return self._values[inside].copy()

    def _read(self, region: Region) -> np.ma.MaskedArray[Any, Any]:
        with values_read(self._where):
            raw = np.asarray(self._variable[tuple(slice(*edge) for edge in region)])
        values = raw.astype(self._dtype, copy=False)
        return np.ma.MaskedArray(values, self._unwritten(raw))

    def _unwritten(self, raw: NDArray[Any]) -> Any:
        """True in chunks that hold nothing but the fill value; no mask where there is none."""
        if self._fill is None or self._fill != self._fill:  # NaN is missing in any case
            return np.ma.nomask
        is_fill = raw == self._fill
        counts = [
            range(0, length, chunk) for length, chunk in zip(raw.shape, self._chunks, strict=True)
        ]
        mask = is_fill
        for axis, starts in enumerate(counts):
            mask = np.logical_and.reduceat(mask, starts, axis=axis)
        if not mask.any():
            return np.ma.nomask
        for axis, chunk in enumerate(self._chunks):
            whole = np.repeat(mask, chunk, axis=axis)
            mask = np.take(whole, range(raw.shape[axis]), axis=axis)
        return mask
