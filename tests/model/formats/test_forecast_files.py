import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from echocast.model.errors import UnreadableInput, UnsupportedInput
from echocast.model.forecast import Forecast
from echocast.model.formats import cf_layout, forecast_writer
from echocast.model.formats.forecast_reader import read_forecast, read_methods
from echocast.model.formats.forecast_writer import (
    write_forecast,
    write_forecast_stream,
    write_frames,
)
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.readers import read_frames
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.quantisation import (
    packed_dbz,
    packed_probability,
    rounded_dbz,
    unpacked_dbz,
    unpacked_probability,
)
from echocast.model.verification.forecast_scores import verify, verify_forecast_stream
from tests.model.formats.radar_files import (
    PROJECTIONS,
    forecast_of,
    on_grid,
    projected_grid,
    small_storm,
)
from tests.patience import PATIENCE_SECONDS

ROWS, COLUMNS = np.indices((24, 20)).astype(np.float32)
CURVED = replace(
    Grid.of_pixels(24, 20),
    latitude=50 + ROWS / 90 + COLUMNS / 900,
    longitude=8 + COLUMNS / 60,
)
GRIDS = {name: projected_grid(name) for name in PROJECTIONS} | {
    "pixels": Grid.of_pixels(24, 20),
    "pixels at known places": CURVED,
    "metres without projection": Grid(np.arange(24) * 500.0, np.arange(20) * 500.0, "m"),
    "kilometres": Grid(np.arange(24.0), np.arange(20.0), "km", projected_grid("albers").crs),
    "degrees without projection": Grid(50 - np.arange(24) * 0.01, np.arange(20) * 0.01, "degree"),
}


def same(one: Forecast, two: Forecast) -> bool:
    return all(
        np.array_equal(a.reflectivity_dbz, b.reflectivity_dbz, equal_nan=True)
        for a, b in zip(one.methods().values(), two.methods().values(), strict=True)
    )


def rounded(values):
    """Hundredths of a dBZ, dry pixels at the floor of the small storm."""
    return np.round(np.where(values <= 0, -32, values).astype(float), 2)


@pytest.fixture
def forecast() -> Forecast:
    return forecast_of(small_storm(coverage_radius_km=11), probabilities=True)[0]


def test_packing_keeps_a_hundredth_of_a_dbz_and_missing():
    values = np.array([-40, -32, 0.004, 30, 94.99, 95, np.nan], np.float32)
    back = unpacked_dbz(packed_dbz(values))
    np.testing.assert_allclose(back, values, atol=0.00501)
    assert packed_dbz(values)[3] == 3000
    np.testing.assert_array_equal(unpacked_dbz(packed_dbz(back)), back)


def test_rounding_is_packing_and_back():
    values = np.linspace(-40, 95, 100_100, dtype=np.float32).reshape(-1, 7, 143)
    values = np.concatenate([values, np.full((1, 7, 143), np.nan, np.float32)])
    np.testing.assert_array_equal(rounded_dbz(values), unpacked_dbz(packed_dbz(values)))


def test_packing_keeps_certainty_and_missing_probabilities():
    values = np.array([0, 0.5, 1, np.nan], np.float32)
    np.testing.assert_array_equal(unpacked_probability(packed_probability(values)), values)


def test_every_count_is_unpacked_as_any_reader_of_the_file_does():
    counts = np.arange(-32767, 32768).astype(np.int16)
    np.testing.assert_array_equal(unpacked_dbz(counts), (counts * 0.01).astype(np.float32))
    np.testing.assert_array_equal(packed_dbz(unpacked_dbz(counts)), counts)


def test_large_frames_are_cut_into_chunks_that_cover_no_more_than_them(tmp_path):
    dry = np.zeros((2, 1030, 700), np.float32)
    write_frames(Frames.of_array(dry, step_minutes=5, km_per_pixel=1.0), tmp_path / "large.nc")
    with netCDF4.Dataset(tmp_path / "large.nc") as dataset:
        assert dataset["reflectivity"].chunking() == [1, 344, 350]


def test_a_forecast_comes_back_as_written(forecast, tmp_path):
    path = tmp_path / "forecast.nc"
    write_forecast(forecast, path)
    back = read_forecast(path)
    for name, frames in back.methods().items():
        given = forecast.methods()[name].reflectivity_dbz
        np.testing.assert_allclose(frames.reflectivity_dbz, rounded(given), atol=2e-6)
    assert back.frames.times == forecast.frames.times
    assert back.frames.grid.same_as(forecast.frames.grid)
    assert back.frames.no_rain_dbz == forecast.frames.no_rain_dbz == -32
    assert back.frames.attributes == forecast.frames.attributes
    assert back.model == forecast.model
    assert back.forecast_reference_time == forecast.forecast_reference_time
    assert back.input_sha256 == forecast.input_sha256
    assert back.quality == forecast.quality
    assert back.exceedance_thresholds_dbz == (30, 40, 50)
    np.testing.assert_allclose(
        back.exceedance_probability, forecast.exceedance_probability, atol=0.00201
    )


def test_the_expected_product_beside_the_default_comes_back_too(forecast, tmp_path):
    assert forecast.product == "expected"
    two = replace(forecast, expected=forecast.extrapolation)
    write_forecast(two, tmp_path / "two.nc")
    back = read_forecast(tmp_path / "two.nc")
    assert back.product == "csi_optimal"
    given = forecast.extrapolation.reflectivity_dbz
    np.testing.assert_allclose(back.expected.reflectivity_dbz, rounded(given), atol=2e-6)


def test_latitude_and_longitude_of_each_pixel_are_handed_on(tmp_path):
    latitude = CURVED.latitude.copy()
    latitude[3, 5] = np.nan
    frames = on_grid(small_storm(), replace(CURVED, latitude=latitude))
    write_frames(frames, tmp_path / "frames.nc")
    read = read_netcdf(tmp_path / "frames.nc")
    stored = Frames.from_description(
        read.reflectivity_dbz, json.loads(json.dumps(read.description()))
    )
    write_forecast(forecast_of(stored, probabilities=True)[0], tmp_path / "forecast.nc")
    grid = read_forecast(tmp_path / "forecast.nc").frames.grid
    np.testing.assert_array_equal(grid.latitude, latitude)
    np.testing.assert_array_equal(grid.longitude, CURVED.longitude)
    with xr.open_dataset(tmp_path / "forecast.nc") as dataset:
        for field in ("reflectivity", "reflectivity_last_observed", "exceedance_probability"):
            assert {"latitude", "longitude"} <= set(dataset[field].coords)
        assert dataset["longitude"].attrs["units"] == "degrees_east"
    cut = read_netcdf(tmp_path / "frames.nc", y_slice=slice(2, 18), x_slice=slice(0, 16))
    np.testing.assert_array_equal(cut.grid.latitude, latitude[2:18, :16])


def test_pixels_at_known_places_have_a_size():
    expected = 111.195 * np.sqrt(np.cos(np.deg2rad(50 + 11.5 / 90 + 9.5 / 900)) / 90 / 60)
    assert CURVED.pixel_size_km == pytest.approx(expected, rel=1e-3)
    across = replace(CURVED, longitude=(CURVED.longitude + 351.85) % 360 - 180)
    assert across.longitude.min() < -179
    assert across.longitude.max() > 179
    assert across.pixel_size_km == pytest.approx(expected, rel=1e-3)
    unknown = np.full_like(CURVED.latitude, np.nan)
    assert replace(CURVED, latitude=unknown).pixel_size_km is None


def test_a_lone_or_turned_latitude_is_left_out(tmp_path):
    path = tmp_path / "frames.nc"
    write_frames(small_storm(), path)
    with netCDF4.Dataset(path, "a") as dataset:
        for name, axes in (("latitude", ("y", "x")), ("longitude", ("x", "y"))):
            dataset.createVariable(name, "f4", axes).standard_name = name
        dataset["reflectivity"].coordinates = "latitude longitude nothing"
    grid = read_netcdf(path).grid
    assert grid.latitude is None
    assert grid.longitude is None


def test_what_is_not_scored_can_be_left_out(forecast, tmp_path):
    path = tmp_path / "forecast.nc"
    write_forecast(replace(forecast, expected=forecast.extrapolation), path)
    methods = read_forecast(path, only_methods=True)
    assert same(methods, read_forecast(path))
    assert methods.expected is None
    assert methods.exceedance_probability is None
    assert methods.exceedance_thresholds_dbz == ()


def test_large_variables_are_written_and_read_frame_by_frame(forecast, tmp_path, monkeypatch):
    monkeypatch.setattr(forecast_writer, "SMALL_PIXELS", 0)
    whole, parts = tmp_path / "whole.nc", tmp_path / "parts.nc"
    write_forecast(forecast, whole)
    sizes = []
    monkeypatch.setattr(cf_layout, "ONE_CHUNK_BYTES", 0)
    monkeypatch.setattr(
        forecast_writer, "packed_dbz", lambda v: sizes.append(v.shape) or packed_dbz(v)
    )
    write_forecast(forecast, parts)
    assert set(sizes) == {(24, 20)}
    back = read_forecast(parts)
    monkeypatch.undo()
    assert same(back, read_forecast(whole))
    np.testing.assert_array_equal(
        back.exceedance_probability, read_forecast(whole).exceedance_probability
    )


def test_others_may_use_the_library_while_a_lead_is_made(forecast, tmp_path):
    times = forecast.frames.times

    def parts() -> Iterator[Forecast]:
        for lead in range(len(times)):
            with ThreadPoolExecutor() as others:
                others.submit(write_forecast, forecast, tmp_path / "other.nc").result(
                    PATIENCE_SECONDS
                )
            yield cut(forecast, slice(lead, lead + 1))

    write_forecast_stream(replace(forecast.stream(), parts=parts()), tmp_path / "forecast.nc")
    assert same(read_forecast(tmp_path / "forecast.nc"), read_forecast(tmp_path / "other.nc"))


def cut(forecast: Forecast, which: slice) -> Forecast:
    """Some lead times of a forecast without another product."""
    names = ("frames", "extrapolation", "persistence")
    fields = {name: getattr(forecast, name)[which] for name in names}
    chances = forecast.exceedance_probability[:, which]
    return replace(forecast, **fields, exceedance_probability=chances)


@pytest.mark.parametrize("classic", [True, False])
def test_what_is_scored_is_the_same_part_by_part(forecast, tmp_path, monkeypatch, classic):
    monkeypatch.setattr(forecast_writer, "SMALL_PIXELS", 10**6 if classic else 0)
    write_forecast(forecast, tmp_path / "forecast.nc")
    monkeypatch.setattr("echocast.model.forecast.PART_PIXELS", 1)
    stream = read_methods(tmp_path / "forecast.nc")
    assert stream.quality == forecast.quality
    assert stream.model == forecast.model
    _, observed = forecast_of(small_storm(coverage_radius_km=11))
    valid = observed[1:4]
    counted = verify_forecast_stream(stream, valid)
    assert sum(counted.frames) == 3
    assert counted == verify(read_forecast(tmp_path / "forecast.nc"), valid)


def test_sharp_lies_beside_the_others_and_is_said_not_to_be_for_scores(forecast, tmp_path):
    two = replace(forecast, expected=forecast.extrapolation)
    write_forecast(two, tmp_path / "forecast.nc")
    back = read_forecast(tmp_path / "forecast.nc")
    with xr.open_dataset(tmp_path / "forecast.nc") as dataset:
        sharp = dataset.reflectivity_sharp.values.astype(np.float32)
        assert "not for scores" in dataset.reflectivity_sharp.attrs["comment"]
        without = xr.load_dataset(tmp_path / "forecast.nc", decode_cf=False)
    np.testing.assert_array_equal(sharp, back.sharp().reflectivity_dbz)
    assert not np.array_equal(sharp, back.expected.reflectivity_dbz, equal_nan=True)
    without.drop_vars("reflectivity_sharp").to_netcdf(tmp_path / "old.nc")
    old = read_forecast(tmp_path / "old.nc")
    np.testing.assert_array_equal(old.sharp().reflectivity_dbz, sharp)


def test_writing_what_was_read_changes_nothing(forecast, tmp_path):
    one, two = tmp_path / "one.nc", tmp_path / "two.nc"
    write_forecast(forecast, one)
    write_forecast(read_forecast(one), two)
    assert same(read_forecast(one), read_forecast(two))
    assert one.read_bytes() == two.read_bytes()


def test_dry_is_written_as_the_floor_and_missing_as_fill(forecast, tmp_path):
    values = forecast.frames.reflectivity_dbz.copy()
    values[0, 3, 3:6] = [0.0, -5.0, np.nan]
    changed = forecast.frames.with_values(values, forecast.frames.times)
    write_forecast(replace(forecast, frames=changed), tmp_path / "forecast.nc")
    with xr.open_dataset(tmp_path / "forecast.nc") as dataset:
        written = dataset.reflectivity.values[0, 3, 3:6]
    np.testing.assert_array_equal(written, [-32, -32, np.nan])


def test_a_floor_between_counts_is_rounded_like_the_values(tmp_path):
    frames = replace(small_storm(), no_rain_dbz=-19.56228)
    forecast, _ = forecast_of(frames)
    write_forecast(forecast, tmp_path / "forecast.nc")
    back = read_forecast(tmp_path / "forecast.nc").frames
    assert (back.reflectivity_dbz == np.float32(back.no_rain_dbz)).any()
    assert np.nanmin(back.reflectivity_dbz) == np.float32(back.no_rain_dbz)


def contents(path: Path) -> dict:
    """Everything that a file says, as the NetCDF library reads it."""
    with netCDF4.Dataset(path) as dataset:
        dataset.set_auto_maskandscale(False)
        return {
            "attributes": [(n, dataset.getncattr(n)) for n in dataset.ncattrs()],
            "dimensions": [(n, len(d)) for n, d in dataset.dimensions.items()],
            "variables": [
                (n, v.dtype, v.dimensions, *((a, repr(v.getncattr(a))) for a in v.ncattrs()))
                for n, v in dataset.variables.items()
            ],
            "values": {n: v[...].tobytes() for n, v in dataset.variables.items() if n != "crs"},
        }


@pytest.mark.parametrize("name", GRIDS)
def test_small_and_large_grids_are_told_alike(name, tmp_path, monkeypatch):
    attributes = {"pair": [1.5, 2.5], "empty": "", "place": "Köln"}
    grid = replace(GRIDS[name], crs={**GRIDS[name].crs, **attributes} if GRIDS[name].crs else {})
    forecast, _ = forecast_of(on_grid(small_storm(), grid), probabilities=True)
    write_forecast(forecast, tmp_path / "small.nc")
    monkeypatch.setattr(forecast_writer, "SMALL_PIXELS", 0)
    write_forecast(forecast, tmp_path / "large.nc")
    assert (tmp_path / "small.nc").read_bytes().startswith(b"CDF\x02")
    assert (tmp_path / "large.nc").read_bytes().startswith(b"\x89HDF")
    small, large = contents(tmp_path / "small.nc"), contents(tmp_path / "large.nc")
    assert small == large


def test_xarray_reads_it_as_the_contract_says(forecast, tmp_path):
    path = tmp_path / "forecast.nc"
    write_forecast(forecast, path)
    with xr.open_dataset(path) as dataset:
        assert dataset.reflectivity.dims == ("time", "y", "x")
        assert {"time", "y", "x", "forecast_reference_time", "forecast_period"} <= set(
            dataset.coords
        )
        assert dataset.reflectivity.attrs["grid_mapping"] == "crs"
        named = [
            n
            for n, v in dataset.variables.items()
            if v.attrs.get("standard_name") == "equivalent_reflectivity_factor"
        ]
        assert named == ["reflectivity"]
        reference = np.datetime64(forecast.forecast_reference_time.replace(tzinfo=None))
        assert dataset.forecast_reference_time.values == reference
        np.testing.assert_array_equal(dataset.forecast_period, forecast.lead_minutes)
        np.testing.assert_array_equal(
            dataset.time.values - reference,
            np.array(forecast.lead_times, dtype="timedelta64[ns]"),
        )
        np.testing.assert_array_equal(
            dataset.reflectivity.values.astype(np.float32),
            read_forecast(path).frames.reflectivity_dbz,
        )
        assert dataset.attrs["model_weights_sha256"] == "ab" * 32
        assert dataset.attrs["software"].startswith("Echocast ")
        assert json.loads(dataset.attrs["quality"]) == {"pixel_size": "assumed"}


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_is_kept(name, tmp_path):
    grid = GRIDS[name]
    forecast, _ = forecast_of(on_grid(small_storm(), grid))
    write_forecast(forecast, tmp_path / "forecast.nc")
    back = read_forecast(tmp_path / "forecast.nc").frames.grid
    assert back.same_as(grid)
    assert dict(back.crs) == dict(grid.crs)


def test_forecasts_and_frames_pass_the_compliance_checker(tmp_path):
    paths = []
    for index, (name, grid) in enumerate(GRIDS.items()):
        frames = on_grid(small_storm(), grid)
        forecast, _ = forecast_of(frames, probabilities=True)
        paths += [
            tmp_path / f"{index}-{name.replace(' ', '-')}.nc",
            tmp_path / f"{index}-{name.replace(' ', '-')}-frames.nc",
        ]
        write_forecast(replace(forecast, expected=forecast.extrapolation), paths[-2])
        write_frames(frames, paths[-1])
    # The checker wants `azimuth`; CF appendix F says `azimuth_of_central_line`.
    errors = {
        Path(path).name: [e for e in errors if not ("oblique" in path and "azimuth" in e)]
        for path, errors in compliance_errors(paths).items()
    }
    assert not {path: lead for path, lead in errors.items() if lead}


def compliance_errors(paths: list[Path]) -> dict[str, list[str]]:
    report = paths[0].parent / "report.json"
    command = [
        str(Path(sys.executable).with_name("compliance-checker")),
        "--test",
        "cf:1.11",
        "--format",
        "json_new",
        "--output",
        str(report),
        *map(str, paths),
    ]
    subprocess.run(command, check=False, capture_output=True, timeout=2 * PATIENCE_SECONDS)
    results = json.loads(report.read_text())
    assert len(results) == len(paths)
    return {
        path: [
            m
            for group in checks["cf:1.11"]["high_priorities"]
            if group["value"][0] < group["value"][1]
            for m in group["msgs"]
        ]
        for path, checks in results.items()
    }


def test_frames_come_back(tmp_path):
    frames = small_storm(coverage_radius_km=9)
    write_frames(frames, tmp_path / "frames.nc")
    back = read_frames([tmp_path / "frames.nc"])
    np.testing.assert_allclose(back.reflectivity_dbz, frames.reflectivity_dbz, atol=0.00501)
    assert back.times == frames.times
    assert back.grid.same_as(frames.grid)
    assert back.no_rain_dbz == frames.no_rain_dbz


def test_a_file_of_frames_is_not_a_forecast(tmp_path):
    write_frames(small_storm(), tmp_path / "frames.nc")
    with pytest.raises(UnsupportedInput, match="not a forecast file"):
        read_forecast(tmp_path / "frames.nc")


def test_a_damaged_forecast_is_unreadable(tmp_path):
    path = tmp_path / "forecast.nc"
    write_forecast(forecast_of(small_storm())[0], path)
    for content in (b"\x89HDF\r\n\x1a\nrubbish", path.read_bytes()[:-9000]):
        path.write_bytes(content)
        with pytest.raises(UnreadableInput, match=re.escape("forecast.nc is damaged")):
            read_forecast(path)
