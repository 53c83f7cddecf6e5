import random
from dataclasses import replace

import h5py
import numpy as np
import pytest

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, InputTooLarge, UnreadableInput
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.formats.merging import merge
from echocast.model.formats.readers import between, newest, read_frames, read_header
from tests.model.formats.radar_files import (
    odim_file,
    on_grid,
    projected_grid,
    raw_netcdf,
    small_storm,
)


def rule_of(paths) -> str:
    with pytest.raises(ContractViolation) as caught:
        read_frames(paths)
    return caught.value.rule


@pytest.fixture
def one_a_file(tmp_path):
    frames = small_storm(frames=6)
    paths = [tmp_path / f"{index}.nc" for index in range(len(frames))]
    for index, path in enumerate(paths):
        write_frames(frames[index : index + 1], path)
    return paths


def test_files_in_any_order_are_the_same_frames(one_a_file, tmp_path):
    write_frames(small_storm(frames=6), tmp_path / "all.nc")
    whole = read_frames([tmp_path / "all.nc"])
    random.Random(1).shuffle(one_a_file)
    assert read_frames(one_a_file).sha256() == whole.sha256()


def test_equal_frames_of_one_time_collapse(one_a_file):
    twice = [*one_a_file, one_a_file[2]]
    assert read_frames(twice).sha256() == read_frames(one_a_file).sha256()


def test_different_frames_of_one_time_are_refused(one_a_file, tmp_path):
    frames = small_storm(frames=6)[2:3]
    values = frames.reflectivity_dbz.copy()
    values[0, 0, 0] = 50
    write_frames(frames.with_values(values, frames.times), tmp_path / "other.nc")
    assert rule_of([*one_a_file, tmp_path / "other.nc"]) == "time-conflict"


def test_only_the_frames_that_are_wanted_count(one_a_file, tmp_path):
    write_frames(small_storm(frames=6), tmp_path / "all.nc")
    frames = read_frames([tmp_path / "all.nc"])
    limits = InputContract(maximum_pixels=2 * frames.reflectivity_dbz[0].size)
    with pytest.raises(InputTooLarge, match="pixels in all frames"):
        read_frames([tmp_path / "all.nc"], contract=limits)
    until = frames.times[3]
    two = read_frames([tmp_path / "all.nc"], choose=newest(2, until), contract=limits)
    assert two.sha256() == frames[2:4].sha256()
    last = read_frames([tmp_path / "all.nc"], choose=newest(2, None))
    assert last.sha256() == frames[4:].sha256()
    later = read_frames(one_a_file, choose=between(until, frames.times[4]))
    assert later.sha256() == frames[4:5].sha256()
    assert len(read_frames(one_a_file, choose=between(frames.times[5], frames.times[5]))) == 0


def test_a_file_with_too_many_times_is_refused_before_they_are_read(tmp_path):
    write_frames(small_storm(frames=6), tmp_path / "all.nc")
    with pytest.raises(InputTooLarge, match="claims 6 frames"):
        read_frames(
            [tmp_path / "all.nc"], choose=newest(2, None), contract=InputContract(maximum_frames=5)
        )


def test_netcdf_and_odim_mix(tmp_path):
    raw = np.full((4, 6), 100, "u1")
    odim_file(tmp_path / "a.h5", raw, time="121000")
    grid = read_frames([tmp_path / "a.h5"]).grid
    frames = on_grid(small_storm(frames=2), projected_grid("albers", 4, 6))
    write_frames(replace(frames, grid=grid), tmp_path / "b.nc")
    both = read_frames([tmp_path / "a.h5", tmp_path / "b.nc"])
    assert [time.strftime("%H:%M") for time in both.times] == ["12:00", "12:06", "12:10"]
    assert (both.reflectivity_dbz[2] == 18).all()
    first = between(both.times[0], both.times[1])
    chosen = read_frames([tmp_path / "a.h5", tmp_path / "b.nc"], choose=first)
    assert chosen.times == both.times[1:2]


def test_all_files_must_be_on_one_grid(one_a_file, tmp_path):
    write_frames(small_storm(frames=6, height=25)[5:], tmp_path / "other.nc")
    assert rule_of([*one_a_file[:3], tmp_path / "other.nc"]) == "grid"


def test_only_what_all_files_agree_on_is_said_of_them(one_a_file):
    frames = small_storm(frames=2)
    parts = [
        replace(frames[:1], attributes={"source": "a", "title": "b"}),
        replace(frames[1:], attributes={"source": "a", "title": "c"}, no_rain_dbz=-40.0),
    ]
    merged = merge(parts)
    assert merged.attributes == {"source": "a"}
    assert merged.no_rain_dbz == -40


def test_no_files_are_no_frames():
    assert rule_of([]) == "frame-count"


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"{}", b"\x89HDF\r\n\x1a\n", b"CDF\x01"])
def test_other_bytes_are_unreadable(tmp_path, data):
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(UnreadableInput):
        read_frames([path])


def test_classic_netcdf_is_netcdf(tmp_path):
    import netCDF4

    path = raw_netcdf(tmp_path / "a.nc", np.ones((2, 4, 6)))
    with netCDF4.Dataset(str(tmp_path / "c.nc"), "w", format="NETCDF3_CLASSIC") as classic:
        for name, size in (("time", 2), ("y", 4), ("x", 6)):
            classic.createDimension(name, size)
        time = classic.createVariable("time", "f8", ("time",))
        time.units = "minutes since 2026-07-01 12:00:00"
        time[:] = [0, 5]
        field = classic.createVariable("field", "f4", ("time", "y", "x"))
        field.units = "dBZ"
        field[:] = 1
    assert read_frames([tmp_path / "c.nc"]).sha256() == read_frames([path]).sha256()


def test_limits_hold_for_all_files_together(one_a_file):
    with pytest.raises(InputTooLarge, match="pixels in all frames together"):
        read_frames(one_a_file, contract=InputContract(maximum_pixels=24 * 20 * 5))


def hdf5(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def external_link(file):
    file["a"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def external_values(file):
    file.create_group("g").create_dataset("values", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual_values(file):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4,))
    file.create_virtual_dataset("values", layout)


@pytest.mark.parametrize("fill", [external_link, external_values, virtual_values])
def test_files_that_reach_outside_themselves_are_refused(tmp_path, fill):
    assert rule_of([hdf5(tmp_path / "a.h5", fill)]) == "external-data"


def test_too_many_objects_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("echocast.model.formats.hdf5.safety.MOST_OBJECTS", 10)
    path = hdf5(tmp_path / "a.h5", lambda f: [f.create_group(str(n)) for n in range(20)])
    with pytest.raises(InputTooLarge, match="more than 10 HDF5 objects"):
        read_frames([path])


@pytest.mark.parametrize("units", ["dBZ", "mm/h"])
def test_a_header_tells_times_and_units(tmp_path, units):
    netcdf = raw_netcdf(tmp_path / "two.nc", np.ones((2, 20, 20)), units=units)
    quantity = "DBZH" if units == "dBZ" else "RATE"
    odim = odim_file(tmp_path / "one.h5", np.ones((20, 20)), quantity=quantity, offset=0.0)
    for path in (netcdf, odim):
        header = read_header(path)
        assert (header.times, header.units) == (read_frames([path]).times, units)
    netcdf.write_bytes(netcdf.read_bytes()[:-100])
    with pytest.raises(UnreadableInput):
        read_header(netcdf)
