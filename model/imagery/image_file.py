"""Image files: the layers of a frame or forecast as bytes on the grid of the radar.

A file is a safetensors file: an array of bytes (time, y, x) for each layer, and a description. It
is read through a map of memory, so that a tile costs the pixels that it shows. Grids of more than
2048 pixels a side are sampled: every second pixel, every third, ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from echocast.model.atomic_files import write_whole
from echocast.model.errors import UnreadableInput
from echocast.model.imagery.codes import Codes

LARGEST_SIDE: Final = 2048  # pixels
SUFFIX: Final = ".safetensors"
DESCRIPTION: Final = "description"


@dataclass(frozen=True)
class ImageDescription:
    """What an image file shows.

    Args:
        times: What its images depict, UTC.
        reference: Valid time of the newest input frame of a forecast, UTC; None: observations.
        sampled: Every how many pixels of the grid, along both axes, it holds one.
        about: More that is known: model, product, licence, ...
    """

    times: tuple[datetime, ...]
    reference: datetime | None
    sampled: int
    about: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal description back."""
        return {
            "times": [time.isoformat() for time in self.times],
            "reference": self.reference and self.reference.isoformat(),
            "sampled": self.sampled,
            "about": dict(self.about),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The description that :meth:`to_json` gave."""
        reference = value["reference"]
        return cls(
            tuple(map(datetime.fromisoformat, value["times"])),
            datetime.fromisoformat(reference) if reference else None,
            int(value["sampled"]),
            value["about"],
        )


def sampling(shape: Sequence[int]) -> int:
    """Every how many pixels of a grid (height, width) its images hold one."""
    return -(-max(shape) // LARGEST_SIDE)


def write_images(path: Path, layers: Mapping[str, Codes], description: ImageDescription) -> None:
    """Write an image file.

    Args:
        path: The new file.
        layers: Codes (time, y, x) by name.
        description: What they show.
    """
    from safetensors.numpy import save

    text = json.dumps(description.to_json())
    whole = {name: np.ascontiguousarray(codes) for name, codes in layers.items()}
    write_whole(path, save(whole, {DESCRIPTION: text}))


class ImageFile:
    """An image file that is open for reading; safe to share among threads.

    Args:
        path: The file.

    Raises:
        UnreadableInput: It is damaged.
    """

    def __init__(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            file: Any = safe_open(path, framework="numpy")
            text = (file.metadata() or {})[DESCRIPTION]
            self.description = ImageDescription.from_json(json.loads(text))
        except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
            raise UnreadableInput(f"{path.name} is no image file: {error}.") from error
        self._file, self.layers = file, tuple(sorted(file.keys()))

    def plane(self, layer: str, index: int, rows: slice, columns: slice) -> Codes:
        """A window of one image.

        Args:
            layer: Its layer, one of :attr:`layers`.
            index: Of its time.
            rows: Within the image.
            columns: Within the image.
        """
        window: Codes = self._file.get_slice(layer)[index, rows, columns]
        return window
