"""What is fetched by which settings."""

from __future__ import annotations

import os
import re
from typing import Any
from unittest.mock import patch

import pytest

from echocast.service.errors import StartRefused
from echocast.service.fetching.orders import fetch_variables, memory_warning, orders
from echocast.service.settings import ServiceSettings


def settings(**given: Any) -> ServiceSettings:
    return ServiceSettings(fetch_sources="opera", **given)


def test_the_crop_reaches_as_far_as_rain_comes_from() -> None:
    """60 km/h for ten steps of five minutes are 50 km more."""
    (order,) = orders(settings(fetch_at="48.14,11.58"), {})
    assert order.reading["at"] == "48.14,11.58"
    assert order.reading["radius_km"] == 250.0
    assert order.reading["variable"] == "DBZH"
    assert order.stream == "opera"


def test_a_large_image_is_warned_of_and_a_part_of_it_is_not() -> None:
    (whole,), (part,) = orders(settings(), {}), orders(settings(fetch_at="48.14,11.58"), {})
    assert re.search(r"takes up to \d\d GB", memory_warning(whole))
    assert memory_warning(part) == ""


def test_a_source_that_is_named_twice_is_named_in_the_refusal() -> None:
    twice = ServiceSettings(fetch_sources="opera,dwd-wn,opera")
    with pytest.raises(StartRefused, match="opera comes twice"):
        orders(twice, {})


def test_one_stream_name_is_of_one_source() -> None:
    (order,) = orders(settings(fetch_stream="munich"), {})
    assert order.stream == "munich"
    two = ServiceSettings(fetch_sources="opera, dwd-wn", fetch_stream="munich")
    with pytest.raises(StartRefused, match="one source"):
        orders(two, {})
    both = orders(ServiceSettings(fetch_sources="opera, dwd-wn"), {})
    assert [order.stream for order in both] == ["opera", "dwd-wn"]


def test_the_process_that_fetches_has_the_settings_that_were_given() -> None:
    given = settings(fetch_at="48.14,11.58", fetch_radius_km=100.0)
    with patch.dict(os.environ, fetch_variables(given)):
        assert orders(ServiceSettings(), {}) == orders(given, {})
