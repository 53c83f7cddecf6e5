"""Bytes of images say what the values were, to a quarter of a dBZ, and what was not observed."""

import io

import numpy as np
import pytest
from PIL import Image

from echocast.model.imagery.codes import (
    HIGHEST,
    LOWEST_DBZ,
    NOT_OBSERVED,
    NOT_TRACEABLE,
    STEPS_A_DBZ,
    dbz_codes,
    percent_codes,
    with_untraceable,
)
from echocast.model.imagery.encoding import encoded
from echocast.model.imagery.palettes import PALETTES


def test_every_value_comes_back_to_a_quarter_of_a_dbz() -> None:
    values = np.arange(-32, 94.5, 0.01, dtype=np.float32)
    assert np.abs(dbz_codes(values) / STEPS_A_DBZ + LOWEST_DBZ - values).max() <= 0.2501


def test_values_beyond_the_codes_are_the_nearest_ones() -> None:
    assert dbz_codes(np.array([-70.0, 200.0])).tolist() == [0, HIGHEST]


def test_missing_is_no_value() -> None:
    codes = dbz_codes(np.array([np.nan, -32.0]))
    assert codes.tolist() == [NOT_OBSERVED, 0]


def test_probabilities_are_percent() -> None:
    codes = percent_codes(np.array([0, 0.004, 0.006, 0.5, 1, np.nan]))
    assert codes.tolist() == [0, 0, 1, 50, 100, NOT_OBSERVED]


def test_what_was_observed_but_has_no_forecast_is_not_traceable() -> None:
    codes = dbz_codes(np.array([[np.nan, np.nan, 20.0]]))
    observed = np.array([[True, False, True]])
    assert with_untraceable(codes, observed).tolist() == [[NOT_TRACEABLE, NOT_OBSERVED, 104]]


@pytest.mark.parametrize("form", ["png", "webp"])
def test_pictures_of_codes_are_read_back_by_another_program(form: str) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = Image.open(io.BytesIO(encoded(codes, None, form)))
    assert (np.asarray(grey.convert("L")) == codes).all()


@pytest.mark.parametrize("form", ["png", "webp"])
@pytest.mark.parametrize("name", sorted(PALETTES))
def test_coloured_pictures_have_the_colours_of_the_palette(name: str, form: str) -> None:
    codes, palette = np.arange(256, dtype=np.uint8).reshape(16, 16), PALETTES[name]
    picture = Image.open(io.BytesIO(encoded(codes, palette, form)))
    pixels = np.asarray(picture.convert("RGBA"))
    shown = palette[codes][..., 3] > 0
    assert (pixels[..., 3] == palette[codes][..., 3]).all()
    assert (pixels[shown] == palette[codes][shown]).all()


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_dry_is_clear_and_what_was_not_observed_is_not(name: str) -> None:
    palette = PALETTES[name]
    assert palette[dbz_codes(np.array([-32.0, 4.7])), 3].tolist() == [0, 0]
    assert palette[dbz_codes(np.array([5.0, 60.0])), 3].tolist() == [255, 255]
    assert (palette[[NOT_OBSERVED, NOT_TRACEABLE], 3] > 0).all()
    assert (palette[NOT_OBSERVED] != palette[NOT_TRACEABLE]).any()


def test_stronger_rain_has_another_colour_every_five_dbz() -> None:
    for name, palette in PALETTES.items():
        colours = palette[dbz_codes(np.arange(5.0, 71.0, 5))]
        assert len({tuple(colour) for colour in colours.tolist()}) == len(colours), name
