"""``echocast.nowcast``: the forecast of an array is that of the file that holds it."""

import json

import dask
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from echocast import nowcast, read, verify
from echocast.model.__main__ import app
from echocast.model.errors import ContractViolation, InputError
from echocast.model.formats.forecast_writer import write_frames
from echocast.model.library.nowcasting import load_forecast
from echocast.model.library.verification import to_dataset
from echocast.model.reflectivity import ZR
from echocast.model.verification.forecast_scores import Verification
from tests.model.library.storm_files import REFERENCE, whole_storm


@pytest.fixture(scope="module")
def known(radar):
    return radar.sel(time=slice(None, REFERENCE))


def test_it_is_what_the_command_line_writes_and_counts(folder, radar, forecast):
    files = map(str, sorted((folder / "event").iterdir()))
    output = folder / "forecast.nc"
    options = ["--models-dir", str(folder / "models"), "--reference-time", REFERENCE, "--json"]
    done = CliRunner().invoke(app, ["nowcast", *files, "--output", str(output), *options])
    assert done.exit_code == 0, done.output
    xr.testing.assert_identical(forecast, load_forecast(output))
    counted = Verification.from_json(json.loads(done.stdout)["verification"])
    xr.testing.assert_identical(verify(forecast, radar), to_dataset(counted))


def test_the_answer_can_be_selected_by_threshold_and_lead(known, forecast):
    probability = forecast.exceedance_probability.sel(threshold=35).isel(time=5)
    assert probability.dims == ("y", "x")
    assert probability.time.values == np.datetime64("2026-07-01T13:30", "ns")
    assert 0 <= probability.min() <= probability.max() <= 1
    for axis in ("y", "x"):
        np.testing.assert_array_equal(forecast[axis].values, known[axis].values)
    assert forecast.crs.grid_mapping_name == known.crs.grid_mapping_name


def test_a_lazy_array_gives_the_same_and_only_its_last_frames_are_computed(known, tiny, forecast):
    places = []

    def counted_block(block, block_info):
        places.append(block_info[0]["array-location"][0][0])
        return block

    lazy = known.chunk(time=1)
    watched = lazy.copy(
        data=lazy.data.map_blocks(counted_block, dtype=lazy.dtype, meta=lazy.data._meta)
    )
    with dask.config.set(scheduler="synchronous"):
        xr.testing.assert_identical(nowcast(watched, nowcaster=tiny), forecast)
    assert sorted(places) == list(range(3, 13))


def test_a_file_opened_with_xarray_gives_the_same(folder, tmp_path, tiny, forecast):
    path = tmp_path / "all.nc"
    write_frames(whole_storm()[:13], path)
    packed = xr.open_dataset(path, decode_coords="all")
    raw = xr.open_dataset(path, decode_coords="all", mask_and_scale=False)
    for dataset in (packed, raw):
        xr.testing.assert_identical(nowcast(dataset.load(), nowcaster=tiny), forecast)
        xr.testing.assert_equal(nowcast(dataset.reflectivity, nowcaster=tiny), forecast)
        dataset.close()


@pytest.mark.parametrize("as_dataset", [False, True])
def test_a_grid_mapping_that_was_left_behind_is_missed(tmp_path, tiny, as_dataset):
    """xarray does so unless it is asked for it."""
    path = tmp_path / "all.nc"
    write_frames(whole_storm()[:13], path)
    with xr.open_dataset(path) as dataset:
        radar = dataset[["reflectivity"]] if as_dataset else dataset.reflectivity
        with pytest.raises(ContractViolation, match=r"names 'crs'.*decode_coords=.all."):
            nowcast(radar, nowcaster=tiny)
        (radar.reflectivity if as_dataset else radar).attrs.pop("grid_mapping")
        assert "crs" not in nowcast(radar, nowcaster=tiny)


def test_rates_and_units_as_an_argument_give_the_same_rain(known, tiny, forecast):
    rate = known.copy(data=ZR().rain_rate_mm_h(known.values)).assign_attrs(units="mm/h")
    of_rate = nowcast(rate.drop_attrs(deep=False), units="mm/h", nowcaster=tiny)
    moved = "reflectivity_extrapolation"
    xr.testing.assert_allclose(of_rate[moved], forecast[moved], atol=0.02)
    assert (
        of_rate.attrs["input_sha256"]
        == nowcast(rate.drop_attrs(deep=False).assign_attrs(units="mm h-1"), nowcaster=tiny).attrs[
            "input_sha256"
        ]
    )


def test_axes_in_another_order_give_the_same(known, tiny, forecast):
    xr.testing.assert_identical(
        nowcast(known.transpose("x", "time", "y"), nowcaster=tiny), forecast
    )


def test_limits_of_packed_values_hold_for_unpacked_ones(known, tiny):
    limited = known.assign_attrs(valid_range=np.array([0, 200], "u1"))
    limited.encoding |= {"scale_factor": 0.5, "add_offset": -32.0}
    with_limits = nowcast(limited, nowcaster=tiny)
    assert with_limits.reflectivity.isnull().equals(
        nowcast(known, nowcaster=tiny).reflectivity.isnull()
    )


def test_what_netcdf_cannot_hold_of_the_attributes_is_left_out(known, tiny, forecast):
    crowded = known.assign_attrs(history=None, about={"a": 1}, checked=True)
    xr.testing.assert_identical(nowcast(crowded, nowcaster=tiny), forecast)


REFUSED = {
    "other units": (lambda r: r.assign_attrs(units="K"), {}, "'K'"),
    "no units": (lambda r: r.drop_attrs(deep=False), {}, "declare its units"),
    "contradicting units": (lambda r: r, {"units": "mm/h"}, "leave the argument out"),
    "no time axis": (lambda r: r.isel(time=0, drop=True), {}, "time"),
    "times without dates": (lambda r: r.assign_coords(time=np.arange(13)), {}, "time"),
    "unsorted times": (lambda r: r.isel(time=slice(None, None, -1)), {}, "sort it by"),
    "nine frames": (lambda r: r.isel(time=slice(9)), {}, "at least 10 frames"),
    "plain array": (lambda r: r.values, {}, "echocast.predict"),
    "words": (lambda r: r.astype(str), {}, "numbers"),
    "two grids": (lambda r: r.isel(x=slice(8)), {}, "at least 16 pixels"),
    "a forecast": (lambda r: r.assign_coords(forecast_period=5.0), {}, "forecast"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_said_in_one_sentence(name, known, tiny):
    change, options, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as refusal:
        nowcast(change(known), nowcaster=tiny, **options)
    assert "\n" not in str(refusal.value)


def test_notes_of_another_writer_are_refused_not_guessed(known, tiny):
    with pytest.raises(ContractViolation, match="JSON object"):
        nowcast(known.assign_attrs(echocast_notes="[1]"), nowcaster=tiny)


def test_notes_on_the_files_stand_in_the_forecast(folder, tiny):
    halved = read(folder / "event", reduce=2).isel(time=slice(13))
    assert "2 x 2" in nowcast(halved, nowcaster=tiny).attrs["quality"]
