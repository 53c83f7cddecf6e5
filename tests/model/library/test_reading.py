"""``echocast.read``: files of any format as one DataArray, and back as they were."""

import numpy as np
import pytest

from echocast import read
from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.library.given_arrays import given_file
from tests.model.formats.foreign_files import FOREIGN
from tests.model.formats.radar_files import odim_file, raw_netcdf


def back(radar):
    with given_file(radar, None, None) as path:
        return read_frames([path])


def same(frames, others):
    assert frames.description() == others.description()
    np.testing.assert_array_equal(frames.reflectivity_dbz, others.reflectivity_dbz)
    assert frames.sha256() == others.sha256()


def test_a_pattern_a_folder_and_a_list_are_the_same_files(folder, radar):
    files = sorted((folder / "event").iterdir())
    for paths in (
        folder / "event",
        str(folder / "event"),
        files[::-1],
        [files[0], folder / "**/b*"],
    ):
        assert read(paths).identical(radar)


def test_what_is_read_has_units_coordinates_and_attributes(radar):
    assert radar.name == "reflectivity"
    assert radar.dims == ("time", "y", "x")
    assert (radar.units, radar.no_rain_value, radar.title) == ("dBZ", -32.0, "Synthetic storm")
    assert radar.time.dtype == "datetime64[ns]"
    assert radar.x.standard_name == "projection_x_coordinate"
    assert radar.crs.grid_mapping_name == "lambert_azimuthal_equal_area"


def test_what_is_read_gives_the_frames_of_the_files_back(folder, radar):
    same(back(radar), read_frames(sorted((folder / "event").iterdir())))


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_every_format_that_the_service_reads_is_read_and_given_back(name, tmp_path):
    path = FOREIGN[name].write(tmp_path)
    frames = read_frames([path])
    same(back(read(path)), frames)


def test_notes_of_reading_stay_with_the_values(tmp_path):
    raw = np.full((96, 96), 100, np.uint8)
    path = odim_file(tmp_path / "a.h5", raw)
    radar = read(path, reduce=2)
    frames = back(radar)
    assert radar.shape == (1, 48, 48)
    assert "2 x 2" in frames.notes["reduced"]
    same(frames, read_frames([path], Reading.of_words(reduce=2)))


def test_a_region_is_given_in_numbers_or_in_words(tmp_path):
    path = odim_file(tmp_path / "a.h5", np.full((96, 96), 100, np.uint8))
    whole = read(path)
    assert min(whole.shape[1:]) == 96
    for at in ((54.9, -18.0), "54.9,-18.0"):
        with pytest.raises(ContractViolation, match="outside"):
            read(path, at=at, radius_km=10)


def test_rates_become_reflectivity_and_missing_stays_missing(tmp_path):
    values = np.ma.masked_equal(np.full((1, 16, 16), 10.0), 0)
    values[0, 0, 0] = np.ma.masked
    radar = read(raw_netcdf(tmp_path / "a.nc", values, units="mm/h"))
    assert np.isnan(radar[0, 0, 0])
    assert float(radar[0, 1, 1]) == pytest.approx(10 * np.log10(200 * 10**1.6), abs=1e-3)


def test_no_file_is_said_in_one_sentence(tmp_path):
    for nothing in (tmp_path, tmp_path / "*.h5", tmp_path / "missing.nc"):
        with pytest.raises(ContractViolation, match="There is no radar file"):
            read(nothing)
