import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from echocast.model.grid import Grid
from echocast.model.plotting.colours import DRY, MISSING, colour_table, painted
from echocast.model.plotting.loop import forecast_loop
from echocast.model.plotting.north import north_up
from echocast.model.plotting.pictures import caption, forecast_png
from echocast.model.verification.forecast_scores import verify
from tests.model.formats.radar_files import forecast_of, on_grid, projected_grid, small_storm

STORM = small_storm(coverage_radius_km=11)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_dry_missing_and_rain_have_their_colours():
    colours = painted(np.array([[-32, 0, np.nan, 35, 80]], np.float32))[0] / 255
    np.testing.assert_allclose(colours[0], DRY, atol=0.01)
    np.testing.assert_allclose(colours[1], DRY, atol=0.01)
    np.testing.assert_allclose(colours[2], MISSING, atol=0.01)
    np.testing.assert_allclose(colours[3], (0.992, 0.878, 0.239), atol=0.03)
    np.testing.assert_allclose(colours[4], colour_table()[-1], atol=0.01)


def test_heavy_rain_is_darker_the_heavier_it_is():
    luminance = colour_table() @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[140:]) < 0).all()


def test_north_is_up():
    values = np.arange(4, dtype=np.float32).reshape(2, 2)
    south_first = Grid(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "km")
    np.testing.assert_array_equal(north_up(values, south_first), values[::-1])
    np.testing.assert_array_equal(north_up(values, Grid.of_pixels(2, 2)), values)
    west_last = Grid(np.array([1.0, 0.0]), np.array([1.0, 0.0]), "km")
    np.testing.assert_array_equal(north_up(values, west_last), values[:, ::-1])


def test_the_sheet_is_taller_with_observations():
    forecast, observed = forecast_of(STORM)
    alone = opened(forecast_png(forecast))
    beside = opened(forecast_png(forecast, observed, verify(forecast, observed)))
    assert alone.format == "PNG"
    assert beside.width == alone.width
    assert beside.height > alone.height + 100


def test_the_last_observed_frame_is_shown_whole_where_it_is_known():
    """The forecast alone does not tell what was observed where nothing can be forecast."""
    forecast, _ = forecast_of(STORM)
    blind = forecast.frames.with_values(
        np.full_like(forecast.frames.reflectivity_dbz, np.nan), forecast.frames.times
    )
    nothing = replace(forecast, frames=blind, extrapolation=blind, persistence=blind)
    rain = forecast.frames.with_values(
        np.full_like(forecast.frames.reflectivity_dbz, 50), forecast.frames.times
    )

    def reds(picture: Image.Image) -> int:
        red, green, blue = np.asarray(picture.convert("RGB"), int).transpose(2, 0, 1)
        return int(np.count_nonzero((red > 190) & (green < 60) & (blue < 60)))

    assert reds(opened(forecast_png(nothing))) < 2000  # the colour bar
    assert reds(opened(forecast_png(nothing, inputs=rain))) > 20_000


@pytest.mark.parametrize(
    "grid", [Grid.of_pixels(24, 20), projected_grid("longitude latitude"), projected_grid("albers")]
)
def test_every_grid_can_be_drawn(grid):
    forecast, observed = forecast_of(on_grid(STORM, grid))
    assert opened(forecast_png(forecast, observed[3:5])).width > 500
    assert opened(forecast_loop(None, forecast, observed[3:5])).n_frames == 10


def test_a_forecast_of_nothing_but_missing_can_be_drawn():
    forecast, _ = forecast_of(STORM)
    nothing = forecast.frames.with_values(
        np.full_like(forecast.frames.reflectivity_dbz, np.nan), forecast.frames.times
    )
    empty = replace(forecast, frames=nothing, extrapolation=nothing, persistence=nothing)
    assert opened(forecast_png(empty)).width > 500


def test_a_large_or_single_forecast_can_be_drawn():
    forecast, _ = forecast_of(small_storm(height=350, width=750, frames=4))
    one = replace(
        forecast,
        frames=forecast.frames[:1],
        extrapolation=forecast.extrapolation[:1],
        persistence=forecast.persistence[:1],
    )
    assert opened(forecast_png(one)).width > 300
    assert opened(forecast_loop(None, one, None)).format == "WEBP"


def test_the_loop_shows_input_then_forecast():
    forecast, observed = forecast_of(STORM)
    loop = opened(forecast_loop(STORM[:10], forecast, observed))
    assert loop.n_frames == 20
    assert loop.width > opened(forecast_loop(STORM[:10], forecast, None)).width


def test_the_caption_gives_scores_with_their_sample():
    forecast, observed = forecast_of(STORM)
    text = caption(verify(forecast, observed))
    assert text.startswith("CSI at 30 dBZ over 10 leads: model 0.")
    assert "n = " in text


def test_the_caption_admits_when_there_is_nothing_to_say():
    forecast, observed = forecast_of(STORM)
    assert caption(None) == caption(verify(forecast, None)) == "No observations to verify it yet."
    dry = observed.with_values(np.zeros_like(observed.reflectivity_dbz), observed.times)
    dry_forecast = replace(forecast, frames=dry, extrapolation=dry, persistence=dry)
    assert "model undefined" in caption(verify(dry_forecast, dry))
