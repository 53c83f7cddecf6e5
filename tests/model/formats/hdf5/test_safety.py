"""What HDF5 allows and the NetCDF library cannot stand is refused before it opens the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from echocast.model.errors import ContractViolation, InputTooLarge, UnreadableInput
from echocast.model.formats.readers import read_frames
from tests.fuzz.children import answer_in_child, answers_in_child
from tests.model.formats.radar_files import odim_file, raw_netcdf

MIB = 2**20
LINKS = {
    "a group above": lambda file: file["a"],
    "the root": lambda file: file["/"],
    "a soft link to a group above": lambda file: h5py.SoftLink("/a"),
    "a soft link to the root": lambda file: h5py.SoftLink("/"),
    "a soft link to nothing": lambda file: h5py.SoftLink("/none"),
    "a data set": lambda file: file["field"],
    "a group beside": lambda file: file["c"],
}
NUMBERS_OF_ANY_KIND = {
    "a number": np.int32(7),
    "a huge number": np.int64(2**62),
    "a negative number": np.int64(-1),
    "numbers": np.arange(5, dtype="i4"),
    "no numbers": np.zeros(0, "i4"),
    "a broken number": 1.5,
    "text": np.bytes_("x"),
    "long text": np.bytes_("DIMENSION_SCALE" * 3000),
    "texts": np.array([b"a", b"b"]),
    "nothing": h5py.Empty("i4"),
    "nothing of text": h5py.Empty("S5"),
}
FITS = {
    "CLASS": {"text", "long text"},
    "NAME": {"text", "long text"},
    "_NCProperties": {"text", "long text"},
    "_nc3_strict": {"a number", "a huge number", "a negative number"},
    "_Netcdf4Dimid": {"a number"},
    "_Netcdf4Coordinates": set(),
    "DIMENSION_LIST": set(),
    "REFERENCE_LIST": set(),
    "_QuantizeBitGroomNumberOfSignificantDigits": {
        "a number",
        "a huge number",
        "a negative number",
    },
    "_QuantizeBitRoundNumberOfSignificantBits": {"a number", "a huge number", "a negative number"},
}


def radar(path: Path) -> Path:
    return raw_netcdf(path, np.full((10, 16, 16), 20.0))


def linked(path: Path, target: Callable[[h5py.File], Any]) -> Path:
    with h5py.File(radar(path), "a") as file:
        file.create_group("c")
        below = file.create_group("a/b")
        below["up"] = target(file)
    return path


@pytest.mark.parametrize("name", LINKS)
def test_every_object_has_one_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match="must have one name, but '/a/b/up'") as refusal:
        read_frames([linked(tmp_path / "a.nc", LINKS[name])])
    assert refusal.value.rule == "hdf5-links"


def test_a_link_in_an_odim_file_is_refused_as_well(tmp_path: Path) -> None:
    path = odim_file(tmp_path / "a.h5", np.ones((16, 16), "u1"))
    with h5py.File(path, "a") as file:
        file["dataset1/back"] = file["/"]
    with pytest.raises(ContractViolation, match="must have one name"):
        read_frames([path])


def test_a_cycle_costs_its_decoder_next_to_nothing(tmp_path: Path) -> None:
    """A file of some kB took 3.4 GB and 10 to 20 seconds of CPU once."""
    path = linked(tmp_path / "a.nc", LINKS["a group above"])
    assert path.stat().st_size < 30_000
    answer = answer_in_child({"kind": "grid", "paths": [str(path)]}, tmp_path)
    assert answer.rule == "hdf5-links"
    assert answer.cpu_seconds < 1
    assert answer.grown_bytes < 64 * MIB


def test_groups_within_groups_have_an_end(tmp_path: Path) -> None:
    with h5py.File(radar(tmp_path / "a.nc"), "a") as file:
        file.create_group("/".join("g" * 30))
    with pytest.raises(InputTooLarge, match="more than 20 levels of groups"):
        read_frames([tmp_path / "a.nc"])


@pytest.mark.parametrize("where", ["/", "field", "time"])
@pytest.mark.parametrize("attribute", FITS)
def test_reserved_attributes_of_another_type_are_refused(
    attribute: str, where: str, tmp_path: Path
) -> None:
    plain, paths = radar(tmp_path / "a.nc").read_bytes(), []
    for number, value in enumerate(NUMBERS_OF_ANY_KIND.values()):
        paths.append(tmp_path / f"{number}.nc")
        paths[-1].write_bytes(plain)
        with h5py.File(paths[-1], "a") as file:
            file[where].attrs[attribute] = value
    requests = [{"kind": "grid", "paths": [str(path)]} for path in paths]
    answers = answers_in_child(requests, tmp_path)
    for kind, answer in zip(NUMBERS_OF_ANY_KIND, answers, strict=True):
        refused = answer.rule == "reserved-attribute"
        assert refused == (kind not in FITS[attribute]), (kind, answer)
        assert answer.ended_well, (kind, answer)


def test_references_of_dimension_scales_are_as_the_library_writes_them(tmp_path: Path) -> None:
    with h5py.File(radar(tmp_path / "a.nc")) as file:
        assert "REFERENCE_LIST" in file["time"].attrs
        assert "DIMENSION_LIST" in file["field"].attrs
        assert "CLASS" in file["time"].attrs
    assert len(read_frames([tmp_path / "a.nc"])) == 10


def test_a_heap_without_end_is_refused(tmp_path: Path) -> None:
    """Found by ``python -m tests.fuzz``: the library read four zeroed bytes for ever."""
    path = radar(tmp_path / "a.nc")
    content = bytearray(path.read_bytes())
    start = content.index(b"GCOL\x01")
    size = int.from_bytes(content[start + 8 : start + 16], "little")
    content[start + 16 : start + size] = bytes(size - 16)
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match="a heap of it has no end"):
        read_frames([path])


@pytest.mark.parametrize("size", [2**64 - 16, 2**40])
def test_an_object_larger_than_its_heap_is_refused(size: int, tmp_path: Path) -> None:
    path = radar(tmp_path / "a.nc")
    content = bytearray(path.read_bytes())
    start = content.index(b"GCOL\x01")
    content[start + 24 : start + 32] = size.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match="a heap of it has no end"):
        read_frames([path])


def test_heaps_of_too_many_objects_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echocast.model.formats.hdf5.heaps.MOST_OBJECTS", 2)
    with pytest.raises(InputTooLarge, match="more than 2 references"):
        read_frames([radar(tmp_path / "a.nc")])
