"""Small valid inputs, changes to their bytes, and inputs that once did harm."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np

from tests.model.formats.foreign_files import FOREIGN, fmi_pgm
from tests.model.formats.hdf5.test_safety import FITS, LINKS, NUMBERS_OF_ANY_KIND, linked, radar
from tests.model.formats.netcdf.test_reader import PACKED, WRONG_PACKING
from tests.model.formats.radar_files import odim_file, raw_netcdf
from tests.model.formats.test_packed_files import tar_of, zip_of
from tests.model.place.test_projection_text import FILES, REAL
from tests.service.bodies import body

SHAPE = (10, 16, 16)
BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
WORDS = (
    *("null", "true", "-1", "0", "1e999", "1" + "0" * 400, "NaN", "-Infinity", '""', "[]", "{}"),
    *('"dBZ"', '"\\u0000"', '"\\ud800"', "[[[[[[]]]]]]", '{"a": 1, "a": 2}', "[" * 2000, "\xff"),
)


@dataclass(frozen=True)
class Sample:
    """One input: its bytes, and as what they are sent.

    Args:
        name: Where it comes from.
        kind: ``grid`` or ``json``, as a request to the decoder has it.
        content: The bytes.
    """

    name: str
    kind: str
    content: bytes


def valid(folder: Path) -> list[Sample]:
    """One input of each format, all of which are accepted."""
    values = np.linspace(0, 50, np.prod(SHAPE)).reshape(SHAPE)
    packed = raw_netcdf(folder / "packed.nc", values, dtype="u1", **PACKED)
    paths = [
        raw_netcdf(folder / "plain.nc", values),
        packed,
        _classic(folder / "classic.nc", values),
        _projected(folder / "projected.nc", values),
        _odim(folder / "odim.h5"),
    ]
    grids = [Sample(path.stem, "grid", path.read_bytes()) for path in paths]
    axis = list(range(16))
    grid = {"y": axis, "x": axis, "units": "km", "crs": {"grid_mapping_name": "mercator"}}
    bodies = {"json": body(), "json with a grid": body(grid=grid, zr={"a": 200, "b": 1.6})}
    return grids + [Sample(n, "json", json.dumps(b).encode()) for n, b in bodies.items()]


def single_images(folder: Path) -> list[Sample]:
    """One image of each agency's format, and packages of such: refused only for want of frames.

    Byte for byte the same at any time of day, so that a run can be repeated by its seed.
    """
    paths = [foreign.write(folder) for foreign in FOREIGN.values()]
    samples = [
        Sample(foreign, "grid", p.read_bytes()) for foreign, p in zip(FOREIGN, paths, strict=True)
    ]
    pgm = fmi_pgm(folder)
    tar = tar_of(paths[:4], folder / "images.tar").read_bytes()
    packed = {
        "gzip": gzip.compress(pgm.read_bytes(), mtime=0),
        "bzip2": bz2.compress(pgm.read_bytes()),
        "zip": zip_of(paths[:4], folder / "images.zip").read_bytes(),
        "stored zip": zip_of([pgm], folder / "image.zip", zipfile.ZIP_STORED).read_bytes(),
        "tar": tar,
        "tar in gzip": gzip.compress(tar, mtime=0),
    }
    return samples + [Sample(name, "grid", content) for name, content in packed.items()]


def _classic(path: Path, values: Any) -> Path:
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as dataset:
        for name, size in zip(("time", "y", "x"), SHAPE, strict=True):
            dataset.createDimension(name, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "minutes since 2025-07-01 12:00:00"
        time[:] = np.arange(SHAPE[0]) * 5
        field = dataset.createVariable("field", "i2", ("time", "y", "x"), fill_value=-1)
        field.setncatts({"units": "dBZ", "scale_factor": 0.01, "add_offset": 0.0})
        field[:] = values
    return path


def _projected(path: Path, values: Any) -> Path:
    raw_netcdf(path, values, grid_mapping="crs")
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.createVariable("crs", "i4").spatial_ref = "EPSG:3067"
        for name in ("y", "x"):
            variable = dataset.createVariable(name, "f8", (name,))
            variable.units = "m"
            variable[:] = 1000 * np.arange(16)
    return path


def _odim(path: Path) -> Path:
    """Ten times in one file."""
    odim_file(path, np.full((16, 16), 100, "u1"))
    with h5py.File(path, "a") as file:
        for number in range(1, 11):
            if number > 1:
                file.copy("dataset1", f"dataset{number}")
            what = file.require_group(f"dataset{number}/what")
            what.attrs["enddate"] = np.bytes_("20250701")
            what.attrs["endtime"] = np.bytes_(f"12{5 * number:02d}00")
    return path


def special(folder: Path) -> Iterator[Sample]:
    """Inputs that once did harm, and their kin."""
    path = folder / "special"
    for name, target in LINKS.items():
        yield _sample(f"link: {name}", linked(path, target))
    for attribute in FITS:
        for where in ("/", "field", "time"):
            for kind, value in NUMBERS_OF_ANY_KIND.items():
                yield _sample(
                    f"{attribute} of {where}: {kind}", _with(path, where, attribute, value)
                )
    for attribute, value in WRONG_PACKING:
        yield _sample(f"packing: {attribute}", _with(path, "field", attribute, value))
    for text in (*FILES, *REAL.values()):
        odim_file(path, np.ones((16, 16), "u1"), projdef=np.bytes_(text))
        yield _sample(f"projection: {text[:40]}", path)
    for word in WORDS:
        for name in ("frames", "times", "units", "zr", "grid", "no_rain_dbz"):
            content = json.dumps(body(**{name: "WORD"})).replace('"WORD"', word)
            yield Sample(f"{name}: {word[:20]}", "json", content.encode("latin-1"))
    for content in (b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\x00", b"1" * 5000):
        for kind in ("json", "grid"):
            yield Sample(f"{content[:8]!r}", kind, content)


def _with(path: Path, where: str, attribute: str, value: Any) -> Path:
    with h5py.File(radar(path), "a") as file:
        file[where].attrs[attribute] = value
    return path


def _sample(name: str, path: Path) -> Sample:
    return Sample(name, "grid", path.read_bytes())


def mutated(sample: Sample, chance: random.Random) -> Sample:
    """The same with one to eight changes to its bytes."""
    content = bytearray(sample.content)
    for _ in range(chance.randint(1, 8)):
        chance.choice(CHANGES)(content, chance)
    return Sample(f"{sample.name}, changed", sample.kind, bytes(content))


def _flip(content: bytearray, chance: random.Random) -> None:
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _overwrite(content: bytearray, chance: random.Random) -> None:
    place, count = chance.randrange(len(content) + 1), chance.choice((1, 2, 4, 8))
    content[place : place + count] = bytes([chance.choice(BYTES)]) * count


def _in_header(content: bytearray, chance: random.Random) -> None:
    """Where formats say what follows."""
    place = chance.randrange(min(len(content), 2000) + 1)
    content[place : place + 1] = bytes([chance.choice(BYTES)])


def _move(content: bytearray, chance: random.Random) -> None:
    start, place = chance.randrange(len(content) + 1), chance.randrange(len(content) + 1)
    part = content[start : start + chance.randint(1, 64)]
    content[place : place + len(part)] = part


def _cut(content: bytearray, chance: random.Random) -> None:
    if chance.random() < 0.2:
        del content[chance.randrange(len(content) + 1) :]


def _word(content: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(content) + 1)
    word = chance.choice(WORDS).encode("latin-1")
    content[place : place + len(word)] = word


CHANGES = (_flip, _overwrite, _in_header, _move, _cut, _word)
