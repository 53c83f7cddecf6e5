"""An importer of pysteps for every format that Echocast reads, which pysteps finds by itself.

Its entry point is ``pysteps.plugins.importer`` (pyproject.toml); pysteps is not imported here.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.library.pysteps.places import descends, grid_metadata
from echocast.model.library.pysteps.values import lowest_rain
from echocast.model.reflectivity import ZR

Imported = tuple[NDArray[np.float64], None, dict[str, Any]]


def import_echocast(
    filename: str | PathLike[str],
    *,
    accutime: float = math.nan,
    dtype: str = "double",
    fillna: float = math.nan,
    **reading: Any,
) -> Imported:
    """Read one image of any known format in the form of pysteps' importers.

    Example:
        >>> importer = pysteps.io.get_method("echocast", "importer")
        >>> precip, quality, metadata = importer("image.h5", accutime=5)

    Args:
        filename: A file of one image.
        accutime: Minutes that it stands for; one image does not tell, so NaN where not stated.
        dtype: Pysteps casts to it afterwards.
        fillna: Pysteps fills missing pixels with it afterwards.
        **reading: As of :func:`.reading.read`: ``variable``, ``units``, ``reduce`` and so on.

    Returns:
        (y, x) in dBZ, NaN where missing, ``zerovalue`` where dry; no quality; pysteps' metadata,
        the grid in metres, or in degrees.

    Raises:
        ContractViolation: There is more than one image, or the file does not say where it lies.
        InputError: The file breaks a rule of the input.
    """
    del dtype, fillna
    frames = read_frames([Path(filename)], Reading.of_words(**reading))
    if len(frames.times) != 1:
        raise ContractViolation(
            f"An importer of pysteps reads one image, but there are {len(frames.times)}.",
            rule="frame-count",
        )
    metadata = {**grid_metadata(frames.grid), **_value_metadata(frames), "accutime": accutime}
    image = frames.reflectivity_dbz[0].astype(np.float64)
    return image[:, ::-1] if descends(frames.grid.x) else image, None, metadata


def _value_metadata(frames: Frames) -> dict[str, Any]:
    zr = ZR.of_attributes(frames.attributes)
    return {
        "institution": str(frames.attributes.get("institution", "not stated")),
        "unit": "dBZ",
        "transform": "dB",
        "zerovalue": frames.no_rain_dbz,
        "threshold": lowest_rain(frames.reflectivity_dbz[0], frames.no_rain_dbz),
        "zr_a": zr.a,
        "zr_b": zr.b,
    }
