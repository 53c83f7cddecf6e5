"""While rain moves on nothing flickers, and the page holds no more than before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.page.conftest import visiting
from tests.service.page.radar_hour import SETTLING, MovingStorm, drawn_codes, measured, watched
from tests.service.page.storm_service import running
from tests.service.real_processes import eventually


@pytest.mark.parametrize("slow_seconds", [0.0, 0.3])
def test_new_images_let_nothing_flicker_and_no_memory_grow(
    browser: Any, slow_seconds: float
) -> None:
    """Images that take longer than a moment is shown are waited for, whatever plays meanwhile."""
    service = MovingStorm(drawn_codes())
    service.slow_seconds = slow_seconds
    with running(service) as url, visiting(browser, url) as visit:
        steps = list(watched(visit, service, SETTLING + (4 if not slow_seconds else 2), 0))
        (before, _), (_, shown) = steps[SETTLING - 1], steps[-1]
        # what a chart that is drawn anew leaves is garbage a moment later; what is kept never is
        eventually(lambda: not measured(visit.page).is_more_than(before))
    assert shown["pictures"] > 0
    assert (shown["blank"], shown["hatched"]) == (0, 0), shown
