"""What a stream stores of its forecasts: products and lead times go, the rest stays the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from echocast.model.errors import ContractViolation, NotStored
from echocast.model.forecast import Forecast
from echocast.model.formats import forecast_writer
from echocast.model.formats.forecast_lead import read_lead
from echocast.model.formats.forecast_reader import (
    read_exceedance,
    read_expected,
    read_forecast,
    read_not_stored,
    read_sharp,
)
from echocast.model.formats.forecast_reduction import reduce_forecast
from echocast.model.formats.forecast_storage import PRODUCTS, WHOLE, ForecastStorage
from echocast.model.formats.forecast_writer import write_forecast_stream
from tests.model.formats.radar_files import forecast_of, small_storm

NOTHING = ForecastStorage(products=())


@pytest.fixture(params=["classic", "compressed"])
def forecast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Forecast:
    """Of all products, written in either format."""
    if request.param == "compressed":
        monkeypatch.setattr(forecast_writer, "SMALL_PIXELS", 0)
    made = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)[0]
    return replace(made, expected=made.extrapolation)


def written(forecast: Forecast, path: Path, storage: ForecastStorage = WHOLE) -> Path:
    write_forecast_stream(forecast.stream(), path, storage)
    return path


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_that_is_not_stored_is_not_written_and_the_file_says_so(
    forecast: Forecast, tmp_path: Path, name: str
) -> None:
    others = tuple(product for product in PRODUCTS if product != name)
    whole = written(forecast, tmp_path / "whole.nc")
    path = written(forecast, tmp_path / "less.nc", ForecastStorage(others))
    with xr.open_dataset(path) as less, xr.open_dataset(whole) as dataset:
        assert PRODUCTS[name] not in less
        assert set(dataset) - {PRODUCTS[name]} == set(less)
        for variable in less:
            xr.testing.assert_identical(less[variable], dataset[variable])
        assert less.attrs["not_stored"] == PRODUCTS[name]
        assert "not_stored" not in dataset.attrs
    assert read_not_stored(path) == [PRODUCTS[name]]
    assert read_not_stored(whole) == []


def test_nothing_is_computed_in_the_place_of_what_is_not_stored(
    forecast: Forecast, tmp_path: Path
) -> None:
    path = written(forecast, tmp_path / "less.nc", NOTHING)
    frames = read_forecast(path, only_methods=True).frames
    with pytest.raises(NotStored, match="reflectivity_expected of this forecast is not stored"):
        read_expected(path, frames)
    assert read_sharp(path, frames) is None
    assert list(read_exceedance(path)) == []


def test_the_expected_product_of_a_model_that_has_no_other_is_the_default_one(
    forecast: Forecast, tmp_path: Path
) -> None:
    path = written(replace(forecast, expected=None), tmp_path / "less.nc", NOTHING)
    frames = read_forecast(path, only_methods=True).frames
    assert read_expected(path, frames) is frames
    assert "reflectivity_expected" not in read_not_stored(path)


def test_a_reduced_file_holds_the_first_lead_times_bit_for_bit(
    forecast: Forecast, tmp_path: Path
) -> None:
    whole, path = written(forecast, tmp_path / "whole.nc"), tmp_path / "less.nc"
    longest = forecast.lead_minutes[1]
    reduce_forecast(whole, path, ForecastStorage(("expected",), longest, 9))
    with (
        xr.open_dataset(whole, decode_cf=False) as dataset,
        xr.open_dataset(path, decode_cf=False) as less,
    ):
        gone = {"reflectivity_sharp", "exceedance_probability"}
        assert set(dataset) - set(less) == gone
        first = dataset.isel(time=slice(0, 2))
        for variable in less.variables:
            np.testing.assert_array_equal(less[variable], first[variable])
            assert less[variable].attrs == dataset[variable].attrs
        changed = {name for name in less.attrs if less.attrs[name] != dataset.attrs.get(name)}
        assert changed == {"not_stored", "summary", "time_coverage_end", "time_coverage_duration"}
        assert less.attrs["not_stored"].split(", ") == [
            "reflectivity_sharp",
            "exceedance_probability",
            f"lead times after {longest:g} minutes",
        ]
        assert f"next {longest:g} minutes" in less.attrs["summary"]
    back = read_forecast(path)
    assert back.lead_minutes == forecast.lead_minutes[:2]
    assert back.exceedance_probability is None
    assert read_lead(path, forecast.frames.times[1], ()) is not None
    assert read_lead(path, forecast.frames.times[2], ()) is None


def test_a_file_is_reduced_again_and_never_to_nothing(forecast: Forecast, tmp_path: Path) -> None:
    one, two = tmp_path / "one.nc", tmp_path / "two.nc"
    whole = written(forecast, tmp_path / "whole.nc", ForecastStorage(("probabilities",)))
    reduce_forecast(whole, one, ForecastStorage(longest_lead_minutes=forecast.lead_minutes[1]))
    reduce_forecast(one, two, ForecastStorage((), 0.5))
    assert read_forecast(two).lead_minutes == forecast.lead_minutes[:1]
    assert read_not_stored(two) == [
        "reflectivity_expected",
        "reflectivity_sharp",
        "exceedance_probability",
        f"lead times after {forecast.lead_minutes[0]:g} minutes",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"products": ("sharp", "blurred")}, "not blurred"),
        ({"compression_level": 10}, "1 to 9, not 10"),
        ({"longest_lead_minutes": 0.0}, "above 0"),
        ({"longest_lead_minutes": float("nan")}, "not nan"),
    ],
)
def test_what_can_not_be_stored_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ContractViolation, match=words) as refused:
        ForecastStorage(**fields)  # type: ignore[arg-type]
    assert refused.value.rule == "storage"


def test_a_storage_comes_back_from_json() -> None:
    storage = ForecastStorage(("sharp",), 30.0, 7)
    assert ForecastStorage.from_json(storage.to_json()) == storage
