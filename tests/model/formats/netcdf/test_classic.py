"""Headers of classic NetCDF that claim more than the file holds are refused before the library."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from echocast.model.errors import InputTooLarge, UnreadableInput
from echocast.model.formats.netcdf.access import damage_is_unreadable, open_netcdf
from echocast.model.formats.netcdf.classic import check_classic
from tests.fuzz.children import answers_in_child

MIB = 2**20
KINDS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")
CLAIMS = (b"\0\0\x03\xe8", b"\0\xff\xff\xff", b"\x02\0\0\0", b"\x7f\xff\xff\xff", b"\xff" * 4)


def classic(path: Path, kind: Any, *, records: bool = False, second: bool = False) -> Path:
    """Four images of bytes, and where ``second`` something else along time."""
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.history = "drawn"
        for name, size in (("time", None if records else 4), ("y", 5), ("x", 7)):
            dataset.createDimension(name, size)
        field = dataset.createVariable("field", "i1", ("time", "y", "x"))
        field.setncatts({"units": "dBZ", "scale_factor": 0.5})
        field[:] = np.ones((4, 5, 7))
        if second:
            dataset.createVariable("level", "i2", ("time",))[:] = np.arange(4)
        dataset.createVariable("crs", "i4")
    return path


def word_by_word(content: bytes, header_bytes: int) -> Iterator[bytes]:
    """A file with one word of its header after the other claiming much."""
    for place, claim in product(range(4, header_bytes, 4), CLAIMS):
        yield content[:place] + claim + content[place + 4 :]


@pytest.mark.parametrize(("records", "second"), [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_whole_or_refused(kind: str, records: int, second: int, tmp_path: Path) -> None:
    """All but the last word's filling up is needed."""
    path = classic(tmp_path / "a.nc", kind, records=bool(records), second=bool(second))
    content = path.read_bytes()
    with open_netcdf(path) as dataset:
        assert np.asarray(dataset["field"]).min() == 1
    for missing in (4, 5, 40, 100, len(content) - 5):
        path.write_bytes(content[:-missing])
        with pytest.raises(UnreadableInput, match=r"a\.nc is damaged"), damage_is_unreadable(path):
            check_classic(path)


@pytest.mark.parametrize("kind", KINDS)
def test_no_claim_of_a_header_takes_memory(kind: str, tmp_path: Path) -> None:
    """A damaged file of 800 bytes took 1009 MiB once."""
    path = classic(tmp_path / "a.nc", kind, records=True, second=True)
    header_bytes, paths = path.stat().st_size - 100, []
    for number, content in enumerate(word_by_word(path.read_bytes(), header_bytes)):
        paths.append(tmp_path / f"{number}.nc")
        paths[-1].write_bytes(content)
    requests = [{"kind": "grid", "paths": [str(one)]} for one in paths]
    answers = answers_in_child(requests, tmp_path)
    assert all(answer.ended_well for answer in answers)
    assert answers[0].grown_bytes < 64 * MIB


def test_very_many_parts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echocast.model.formats.netcdf.classic.MOST_PARTS", 9)
    with pytest.raises(InputTooLarge, match=r"a\.nc lists more than 9"):
        check_classic(classic(tmp_path / "a.nc", KINDS[0]))
