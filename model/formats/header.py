"""FileHeader: what a radar file says of itself, without its values."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class FileHeader(NamedTuple):
    """What is read from a radar file, before any value is.

    Args:
        times: Valid times of its frames, UTC.
        units: ``dBZ`` or ``mm/h``: of streams that the file fits.
        kind: Format of the file.
        variable: The field that is read.
        stated_units: Of the field, in the file's own words.
        shape: Rows and columns of a frame.
    """

    times: tuple[datetime, ...]
    units: str
    kind: str
    variable: str
    stated_units: str
    shape: tuple[int, int]
