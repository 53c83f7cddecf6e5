"""Radar as a Dataset of pysteps 2.0, and back."""

import numpy as np
import pytest
import xarray as xr

from echocast.model.errors import ContractViolation
from echocast.pysteps import from_dataset, to_dataset


@pytest.fixture
def dataset(radar):
    return to_dataset(radar)


def test_it_has_the_names_and_attributes_of_pysteps(radar, dataset):
    field = dataset[dataset.attrs["precip_var"]]
    assert field.name == "reflectivity"
    assert field.dims == ("time", "y", "x")
    assert {"units", "threshold", "zerovalue", "transform"} <= set(field.attrs)
    assert dataset.time.attrs["stepsize"] == 300
    for axis in (dataset.x, dataset.y):
        assert (np.diff(axis) > 0).all()
        assert axis.attrs["units"] == "m"
        assert axis.attrs["stepsize"] == pytest.approx(float(axis[1] - axis[0]))
    assert "+proj=laea" in dataset.attrs["projection"]
    assert abs(float(dataset.lat.mean()) - 50) < 0.1
    assert abs(float(dataset.lon.mean()) - 8) < 0.1
    assert field.attrs["zerovalue"] < field.attrs["threshold"]
    assert field.attrs["threshold"] == float(field.where(field > -32).min())


def test_what_comes_back_is_the_same_radar(radar, dataset):
    back = from_dataset(dataset)
    xr.testing.assert_allclose(back.drop_vars("crs"), radar.sortby(["y", "x"]).drop_vars("crs"))
    assert back.isnull().any()
    assert back.crs.attrs["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert back.attrs["no_rain_value"] == radar.attrs["no_rain_value"]


def test_a_forecast_and_its_other_fields_go_over(forecast):
    for name in ("reflectivity", "reflectivity_extrapolation"):
        over = to_dataset(forecast, name).reflectivity
        xr.testing.assert_allclose(
            over.drop_vars(["lat", "lon"]),
            forecast[name]
            .sortby(["y", "x"])
            .drop_vars(["crs", "forecast_reference_time", "forecast_period"]),
        )


def test_rates_become_reflectivity(radar, dataset):
    rate = (10 ** (dataset.reflectivity / 10) / 316) ** (1 / 1.5)
    rate = rate.where(~(dataset.reflectivity <= -32), 0.0)
    words = {"units": "mm/h", "transform": None, "zerovalue": 0.0, "threshold": 1e-6}
    given = dataset.drop_vars("reflectivity").assign(
        precip_intensity=rate.assign_attrs({**words, "zr_a": 316.0, "zr_b": 1.5})
    )
    given.attrs["precip_var"] = "precip_intensity"
    back = from_dataset(given)
    np.testing.assert_allclose(back, radar.sortby(["y", "x"]), atol=1e-3)
    assert (back.attrs["zr_a"], back.attrs["zr_b"]) == ("316.0", "1.5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign_attrs(precip_var="rain"), "'rain'"),
        (lambda d: d.expand_dims(ens_number=[1, 2]), "one member"),
        (lambda d: d.isel(time=0), "one member|must be"),
        (lambda d: d.assign_attrs(projection=None), "needs a projection"),
        (lambda d: d.reflectivity, "precip_var"),
    ],
)
def test_what_is_no_dataset_of_pysteps_is_refused(dataset, change, message):
    with pytest.raises(ContractViolation, match=message):
        from_dataset(change(dataset))


def test_what_pysteps_cannot_hold_is_refused(radar, forecast):
    with pytest.raises(ContractViolation, match="two frames"):
        to_dataset(radar.isel(time=[0]))
    with pytest.raises(ContractViolation, match="no 'rain'"):
        to_dataset(forecast, "rain")
    with pytest.raises(ContractViolation, match="needs a projection"):
        to_dataset(radar.drop_vars("crs").drop_encoding().assign_coords(x=radar.x.values))
