"""Radar files inside of gzip, bzip2, zip and tar."""

import bz2
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from echocast.model.errors import ContractViolation, InputTooLarge, UnreadableInput
from echocast.model.formats import packed_files
from echocast.model.formats.file_names import safe_name
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.readers import read_frames, read_header
from tests.model.formats.foreign_files import TIME, fmi_pgm, geotiff
from tests.model.formats.radar_files import forecast_of, odim_file, small_storm


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    frames = small_storm(frames=3)
    folder = tmp_path / "files"
    folder.mkdir()
    for index in range(3):
        write_frames(frames[index : index + 1], folder / f"{index}.nc")
    return sorted(folder.iterdir())


def tar_of(files: list[Path], path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for file in files:
            archive.add(file, f"folder/{file.name}", filter=_of_any_time)
    return path


def _of_any_time(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    return entry


def zip_of(files: list[Path], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"folder/{file.name}")  # of 1980, whenever it is written
            archive.writestr(entry, file.read_bytes(), method)
    return path


def test_one_file_in_gzip_or_bzip2_is_that_file(tmp_path: Path) -> None:
    plain = fmi_pgm(tmp_path)
    expected = read_frames([plain]).sha256()
    for module, suffix in ((gzip, ".gz"), (bz2, ".bz2")):
        packed = tmp_path / f"{plain.name}{suffix}"
        packed.write_bytes(module.compress(plain.read_bytes()))
        assert read_frames([packed]).sha256() == expected
        assert read_header(packed).times == (TIME,)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "zip"])
def test_several_files_are_one_sequence(mode: str, files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "package"
    packed = zip_of(files, path) if mode == "zip" else tar_of(files, path, mode)
    assert read_frames([packed]).sha256() == read_frames(files).sha256()
    assert read_header(packed).times == read_frames(files).times


def test_the_name_inside_counts(tmp_path: Path) -> None:
    plain = geotiff(tmp_path, tags={"OBSERVATION TIME": ""})
    packed = tmp_path / "package"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(ContractViolation, match="when its image is valid"):
        read_frames([packed])
    assert read_frames([zip_of([plain], tmp_path / "other")]).times == (TIME,)


def test_forecasts_beside_an_observation_are_left_out(tmp_path: Path) -> None:
    """As DWD packs its nowcasts: the analysis, and members whose time is the same."""
    raw = np.zeros((24, 20), np.uint8)
    members = [odim_file(tmp_path / f"{k}.h5", raw) for k in range(3)]
    for member in members[1:]:
        with h5py.File(member, "r+") as file:
            file.require_group("how").attrs["simulated"] = "True"
    packed = tar_of(members, tmp_path / "members.tar")
    assert read_frames([packed]).sha256() == read_frames(members[:1]).sha256()
    assert len(read_header(packed).times) == len(read_frames(members[:1]))
    with pytest.raises(ContractViolation, match="is a forecast"):
        read_frames([tar_of(members[1:], tmp_path / "forecasts.tar")])


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "zip", "tar"])
def test_damage_is_unreadable_and_nothing_stays(
    kind: str, files: list[Path], tmp_path: Path
) -> None:
    path, scratch = tmp_path / "package", tmp_path / "scratch"
    scratch.mkdir()
    if kind in ("gzip", "bzip2"):
        path.write_bytes((gzip if kind == "gzip" else bz2).compress(files[0].read_bytes()))
    else:
        zip_of(files, path) if kind == "zip" else tar_of(files, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableInput):
        read_frames([path], scratch=scratch)
    assert not list(scratch.iterdir())


def test_a_zip_whose_files_begin_before_it_is_damaged(files: list[Path], tmp_path: Path) -> None:
    path = zip_of(files, tmp_path / "package.zip")
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06") + 16  # where it says that its directory begins
    place = int.from_bytes(content[end : end + 4], "little")
    content[end : end + 4] = (place + 100).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match="damaged"):
        read_frames([path])


def test_what_unpacks_to_too_much_is_refused_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_files, "MOST_BYTES", 10_000_000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    with pytest.raises(InputTooLarge, match="when unpacked"):
        read_frames([path])


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.tar"
    with tarfile.open(path, "w") as archive:
        for index in range(packed_files.MOST_MEMBERS + 1):
            archive.addfile(tarfile.TarInfo(f"{index}"), io.BytesIO())
    with pytest.raises(InputTooLarge, match="1 to 1000 files"):
        read_frames([path])


def test_links_and_names_lead_nowhere(files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("hosts")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hosts"
        archive.addfile(link)
        archive.add(files[0], "../../outside.nc")
    assert read_frames([path]).sha256() == read_frames(files[:1]).sha256()
    assert not (tmp_path.parent / "outside.nc").exists()


@pytest.mark.parametrize(
    ("name", "plain"),
    [("../../a.nc", "a.nc"), ("C:\\x\\b.nc", "b.nc"), (".hidden", "hidden"), ("..", "file")],
)
def test_names_are_safe(name: str, plain: str) -> None:
    assert safe_name(name) == plain


def test_a_package_in_a_package_is_not_opened(files: list[Path], tmp_path: Path) -> None:
    inner = zip_of(files, tmp_path / "inner.zip")
    with pytest.raises(UnreadableInput, match="must be"):
        read_frames([zip_of([inner], tmp_path / "outer.zip")])


def test_a_forecast_of_ours_is_refused_by_its_header_too(tmp_path: Path) -> None:
    from echocast.model.formats.forecast_writer import write_forecast

    forecast, _ = forecast_of(small_storm())
    write_forecast(forecast, tmp_path / "forecast.nc")
    with pytest.raises(ContractViolation, match="is a forecast"):
        read_header(tmp_path / "forecast.nc")
