"""The page in a real Firefox: what Chromium's tests show of it, once, from the map to the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.page.storm_service import FORECAST, OBSERVED, StormService
from tests.service.page.test_browser import AT_A_PLACE, RAIN_PIXELS

firefox = pytest.importorskip(
    "tests.service.page.firefox", reason="FIREFOX NOT TESTED: websockets", exc_type=ImportError
)
pytestmark = pytest.mark.skipif(
    firefox.WHERE is None, reason="FIREFOX NOT TESTED: there is no firefox-esr"
)
RIGHT = "\ue014"  # the arrow key, as WebDriver names it
LOADED = "!document.querySelector('#cells .waits') && document.querySelector('#cells i')"


def text(name: str) -> str:
    return f"document.getElementById('{name}').textContent"


def test_the_page_shows_rain_and_a_place_and_asks_no_other_host(
    tmp_path: Path, service: StormService, storm_address: tuple[StormService, str]
) -> None:
    _, url = storm_address
    with firefox.firefox(tmp_path, 1000, 640) as tab:
        tab.open(f"{url}/{AT_A_PLACE}&lang=en&theme=light")
        tab.wait_for("document.querySelector('#place-chart canvas')")
        tab.wait_for(LOADED)
        assert tab.value("document.querySelectorAll('#cells i').length") == OBSERVED + FORECAST
        assert tab.value(text("clock-kind")) == "observed"
        assert tab.value(text("status")).startswith("Newest image")
        tab.wait_for("document.querySelector('.town.marked')")
        tab.wait_for(f"{text('quality-sentence')}.includes('better than')")
        first = tab.value(f"({RAIN_PIXELS})()")
        tab.press(RIGHT)
        assert tab.value(text("clock-kind")) == "forecast, 5 min ahead"
        second = tab.value(f"({RAIN_PIXELS})()")
        assert first != second
        sentence = tab.value(text("place-sentence"))
        tab.value(
            "(document.getElementById('language').value = 'de',"
            " document.getElementById('language').dispatchEvent(new Event('change')))"
        )
        tab.wait_for("document.documentElement.lang === 'de'")
        tab.wait_for(f"{text('place-sentence')} !== {sentence!r}")
        assert tab.complaints == []
        assert not [
            one for one in tab.requests if not one.startswith((url, "data:", "blob:", "about:"))
        ]
