"""What a forecast file says of who made it, from what, and where it is valid."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS, Transformer

from echocast.model.formats.forecast_writer import write_forecast, write_forecast_stream
from echocast.model.formats.outline import outline
from echocast.model.grid import Grid
from tests.model.formats.radar_files import forecast_of, on_grid, projected_grid, small_storm

AGENCY = {"institution": "A weather service", "source": "composite", "license": "CC BY 4.0"}
SENTENCE = "Radar data: a weather service."


def attributes(path: Path) -> dict[str, str]:
    with xr.open_dataset(path) as dataset:
        return dict(dataset.attrs)


def test_the_operator_is_the_institution_and_the_agency_the_source(tmp_path: Path) -> None:
    stated = AGENCY | {"acknowledgement": SENTENCE}
    forecast, _ = forecast_of(replace(small_storm(), attributes=stated))
    write_forecast(forecast, tmp_path / "unnamed.nc")
    named = replace(forecast.stream(), institution="A town")
    write_forecast_stream(named, tmp_path / "named.nc")
    unnamed, given = attributes(tmp_path / "unnamed.nc"), attributes(tmp_path / "named.nc")
    assert (unnamed["institution"], given["institution"]) == ("not stated", "A town")
    assert given["source"].endswith(" on composite (A weather service)")
    assert (given["license"], given["acknowledgement"]) == ("CC BY 4.0", SENTENCE)


def test_a_catalogue_finds_times_and_places(tmp_path: Path) -> None:
    frames = on_grid(small_storm(), projected_grid("albers"))
    forecast, _ = forecast_of(frames)
    write_forecast(forecast, tmp_path / "forecast.nc")
    given = attributes(tmp_path / "forecast.nc")
    first, last = forecast.frames.times[0], forecast.frames.times[-1]
    assert given["time_coverage_start"] == f"{first:%Y-%m-%dT%H:%M:%SZ}"
    assert given["time_coverage_end"] == f"{last:%Y-%m-%dT%H:%M:%SZ}"
    minutes = (last - first) // timedelta(minutes=1)
    assert given["time_coverage_duration"] == f"PT{minutes}M"
    assert {"summary", "keywords"} <= set(given)
    assert not {"license", "acknowledgement"} & set(given)  # none was stated


@pytest.mark.parametrize("units", ["m", "km"])
def test_the_box_of_a_projected_grid_holds_its_pixels(units: str) -> None:
    grid = projected_grid("albers")
    metres = np.meshgrid(grid.y, grid.x, indexing="ij")
    if units == "km":
        grid = replace(grid, y=grid.y / 1000, x=grid.x / 1000, units="km")
    to_degrees = Transformer.from_crs(CRS.from_cf(dict(grid.crs)), "EPSG:4326", always_xy=True)
    east, north = to_degrees.transform(metres[1], metres[0])
    box = outline(grid)
    assert box["geospatial_lat_min"] == pytest.approx(north.min(), abs=0.01)
    assert box["geospatial_lat_max"] == pytest.approx(north.max(), abs=0.01)
    assert box["geospatial_lon_min"] == pytest.approx(east.min(), abs=0.01)
    assert box["geospatial_lon_max"] == pytest.approx(east.max(), abs=0.01)


def test_a_box_over_the_date_line_ends_in_the_west() -> None:
    over = Grid(np.arange(20) * 0.1 - 18, 178 + np.arange(40) * 0.1, "degree")
    assert outline(over)["geospatial_lon_min"] == pytest.approx(178)
    assert outline(over)["geospatial_lon_max"] == pytest.approx(-178.1)
    rows, columns = np.indices((20, 40)).astype(np.float32)
    wrapped = ((178 + columns * 0.1) + 180) % 360 - 180
    curved = replace(Grid.of_pixels(20, 40), latitude=-18 + rows * 0.1, longitude=wrapped)
    assert outline(curved)["geospatial_lon_min"] == pytest.approx(178, abs=1e-4)
    assert outline(curved)["geospatial_lon_max"] == pytest.approx(-178.1, abs=1e-4)


def test_a_grid_at_an_unknown_place_has_no_box() -> None:
    assert outline(Grid.of_pixels(20, 20)) == {}
    assert outline(Grid.of_squares(20, 20, 1.0)) == {}
