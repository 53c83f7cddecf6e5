"""HungaroMet's NetCDF composites in: bytes without CF, whose formula stands in the units.

dBZ = raw / 2 - 32; 255 was not measured, 0 had no echo. La1 and Lo1 are the centre of the
north-western pixel. The file's name is the begin of the scan; its image is valid at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
from netCDF4 import Dataset

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.crop import Window
from echocast.model.formats.file_names import time_in_name
from echocast.model.formats.intervals import FrameTimes
from echocast.model.formats.netcdf.access import Variable, damage_is_unreadable, open_netcdf
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.formats.reading import Reading
from echocast.model.formats.stored_codes import Stored
from echocast.model.formats.stored_image import StoredImage, StoredNumbers
from echocast.model.formats.units import RadarUnit
from echocast.model.grid import Grid

NAME = "HungaroMet NetCDF"
SCAN = timedelta(minutes=5)
PACKING = StoredNumbers(0.5, -32.0, missing=(255.0,), dry=(0.0,))
FORMULA = re.compile(r"\s*dBZ\s*=\s*raw\s*/\s*2\s*-\s*32\s*")


def is_hungaromet(start: bytes) -> bool:
    """Whether a file begins as theirs do: classic NetCDF with such a field and corner."""
    return start.startswith(b"CDF") and all(name in start for name in (b"refl2D", b"La1", b"Lo1"))


@contextmanager
def hungaromet_image(path: Path, reading: Reading) -> Iterator[StoredImage]:
    """The image of a file, under the name that its agency gave it.

    Raises:
        UnreadableInput: It is damaged.
        ContractViolation: Its name has no time, it has no such field, or is packed otherwise.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        dataset.set_auto_maskandscale(False)
        field = _field(dataset, reading.variable, path.name)

        def raw(window: Window) -> Stored:
            return np.asarray(field[window]).astype(np.uint8)  # classic NetCDF: signed bytes

        yield StoredImage(
            NAME,
            field.name,
            "dBZ",
            RadarUnit("reflectivity"),
            _times(path),
            _grid(dataset, field, path.name),
            np.dtype(np.uint8),
            raw,
            PACKING,
            attributes={
                "source": "weather radar composite of HungaroMet",
                "original_quantity": short(field.name),
            },
        )


def _field(dataset: Dataset, variable: str | None, where: str) -> Variable:
    names = [variable] if variable else [n for n in dataset.variables if n.startswith("refl2D")]
    fields: list[Variable] = [dataset[name] for name in names if name in dataset.variables]
    stated = [str(getattr(field, "units", "")) for field in fields]
    if len(fields) != 1 or fields[0].ndim != 2 or not FORMULA.fullmatch(stated[0]):
        raise ContractViolation(
            f"{where} must hold one image of rows and columns in dBZ=raw/2-32, but holds"
            f" {short(', '.join(map(short, names)) or 'none')} in {short(', '.join(stated))!r}.",
            rule="packing",
        )
    return fields[0]


def _times(path: Path) -> FrameTimes:
    begin, notes = time_in_name(path)
    scan = "They are the begins of scans of 5 minutes; images are valid at their ends."
    return FrameTimes((begin + SCAN,), notes={"time": f"{notes['time']} {scan}"})


def _grid(dataset: Dataset, field: Variable, where: str) -> Grid:
    north, west, dx, dy = (dataset[name][...].item() for name in ("La1", "Lo1", "Dx", "Dy"))
    corner, (rows, columns) = (north + dy / 2, west - dx / 2), field.shape
    return pixel_grid(corner, (-dy, dx), (rows, columns), "EPSG:4326", where)
