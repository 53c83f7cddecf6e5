"""Files of agencies, read by the words of their sources and under the names that they get here."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.service.sources.library import all_sources
from echocast.service.sources.listing import Available

pytestmark = pytest.mark.real_radar


@pytest.mark.parametrize(
    ("name", "sample", "time", "at"),
    [
        (
            "opera",
            "opera-odim/T_PABV21_C_EUOC_20241126010500.hdf",
            datetime(2024, 11, 26, 1, 5, tzinfo=UTC),
            "51.0,10.0",
        ),
        (
            "mrms",
            "mrms-grib2/PrecipRate_00.00_20190610-000200.grib2",
            datetime(2019, 6, 10, 0, 2, tzinfo=UTC),
            "35.0,-90.0",
        ),
        (
            "fmi",
            "fmi-geotiff/201705091050_FINUTM.tif",
            datetime(2017, 5, 9, 10, 50, tzinfo=UTC),
            "61.0,25.0",
        ),
        (
            "knmi",
            "knmi-hdf5/RAD_NL25_RAP_5min_201008260305.h5",
            datetime(2010, 8, 26, 3, 5, tzinfo=UTC),
            "52.1,5.2",
        ),
    ],
)
def test_a_real_file_is_read_by_the_words_of_its_source(
    radar_folder: Path, tmp_path: Path, name: str, sample: str, time: datetime, at: str
) -> None:
    source = all_sources()[name]
    path = tmp_path / Available(time, "").name(source)
    shutil.copy(radar_folder.parent / "radar-raw" / sample, path)
    words = {**source.read.words(), "at": at, "radius_km": 100.0}
    frames = read_frames([path], Reading.of_words(**words, of_stream=True))
    assert frames.times == (time,)
    assert np.isfinite(frames.reflectivity_dbz).mean() > 0.9
    latitude, longitude = map(float, at.split(","))
    assert source.area.covers(latitude, longitude)
