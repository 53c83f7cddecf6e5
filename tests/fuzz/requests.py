"""Hostile inputs as requests: nowcasts, frames of a stream, observations; plain or in multipart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echocast.service.http.media_types import GRID_TYPES, JSON_TYPES, MULTIPART_TYPE
from echocast.service.http.openapi_examples import shower
from tests.fuzz.inputs import Sample, mutated, single_images, special, valid
from tests.model.formats.radar_files import odim_file, raw_netcdf

OF_SEVEN = ("nowcast",) * 5 + ("frame", "observations")
BOUNDARY = b"b"
FORM = f"{MULTIPART_TYPE}; boundary={BOUNDARY.decode()}"
IN_FORM = 0.3  # share of files sent as parts of a form
DISPOSITION = b"--b\r\nContent-Disposition: form-data; "
CLOSING = b"\r\n\r\nx\r\n--b--\r\n"
ENVELOPES = (
    b"",
    b"--b--\r\n",
    b"--b" + CLOSING,
    b"--b\r\n" + b"X: y\r\n" * 2000 + CLOSING,
    DISPOSITION + b"name=files; filename*=x''%ff" + CLOSING,
    DISPOSITION + b'name="files"; filename="../../x"' + CLOSING,
    DISPOSITION + b'name="files"; filename="\x00"' + CLOSING,
    DISPOSITION + b'name="other"' + CLOSING,
    DISPOSITION + b"a" * 9000 + CLOSING,
    (DISPOSITION + b'name="files"\r\n\r\nx\r\n') * 1200 + b"--b--\r\n",
    DISPOSITION + b'name="files"\r\n\r\nbreaks off',
)


@dataclass(frozen=True)
class HostileRequest:
    """One request to a service.

    Args:
        name: Where its body comes from.
        target: ``nowcast``, ``frame`` or ``observations``.
        content_type: As what the body is sent.
        content: The body.
    """

    name: str
    target: str
    content_type: str
    content: bytes


def requests(folder: Path, seed: int) -> Iterator[HostileRequest]:
    """Without end, the same for the same seed: what once did harm, then changed valid bodies."""
    chance = random.Random(seed)
    images = single_images(folder)
    originals = {
        "nowcast": valid(folder) + images,
        "frame": frames(folder) + images,
        "observations": later(folder),
    }
    for number, envelope in enumerate(ENVELOPES):
        yield HostileRequest(f"envelope {number}", "nowcast", FORM, envelope)
    once_harmful = list(special(folder))
    for sample in chance.sample(once_harmful, len(once_harmful)):
        yield _request(sample, chance.choice(OF_SEVEN), chance)
    while True:
        target = chance.choice(OF_SEVEN)
        sample = chance.choice(originals[target])
        yield _request(mutated(sample, chance), target, chance)


def frames(folder: Path) -> list[Sample]:
    """Single frames of noon, in each format."""
    values = np.linspace(0, 50, 256).reshape(1, 16, 16)
    grids = [
        raw_netcdf(folder / "frame.nc", values),
        odim_file(folder / "frame.h5", np.full((16, 16), 100, "u1")),
    ]
    body = json.dumps(shower(1)).encode()
    return [_grid(path) for path in grids] + [Sample("one frame", "json", body)]


def later(folder: Path) -> list[Sample]:
    """Observations of the shower of the documentation."""
    values = np.linspace(0, 50, 512).reshape(2, 16, 16)
    since = "minutes since 2025-07-01 12:00:00"
    file = raw_netcdf(folder / "later.nc", values, time_units=since, times=[50, 55])
    return [_grid(file), Sample("observations", "json", json.dumps(shower(2, first=10)).encode())]


def _grid(path: Path) -> Sample:
    return Sample(path.name, "grid", path.read_bytes())


def _request(sample: Sample, target: str, chance: random.Random) -> HostileRequest:
    if sample.kind == "json":
        return HostileRequest(sample.name, target, JSON_TYPES[0], sample.content)
    if chance.random() < IN_FORM:
        envelope = mutated(Sample(sample.name, "form", _form(sample.content)), chance)
        return HostileRequest(f"form of {sample.name}", target, FORM, envelope.content)
    return HostileRequest(sample.name, target, chance.choice(GRID_TYPES), sample.content)


def _form(content: bytes) -> bytes:
    return DISPOSITION + b'name="files"; filename="a.nc"\r\n\r\n' + content + b"\r\n--b--\r\n"
