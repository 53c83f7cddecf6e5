"""What ``echocast benchmark`` makes of its rounds."""

from __future__ import annotations

import pytest

from echocast.service.benchmark.chain import Round, _rates

SHARE = "share of the bare network, median of 3"


def test_share_is_the_median_of_the_rounds_shares() -> None:
    """A machine that halves its speed in one round changes both rates, and no share."""
    rounds = [
        Round(40.0, 10.0, 20.0, {"worker": 60.0}),  # 50 %, 200 % of the plain network
        Round(20.0, 8.0, 12.0, {"worker": 80.0}),  # 60 %, 150 %
        Round(50.0, 20.0, 20.0, {"worker": 70.0}),  # 40 %, 100 %
    ]
    figures = {figure.name: figure.value for figure in _rates(rounds)}
    assert figures[SHARE] == pytest.approx(50.0)
    assert figures["share of the plain PyTorch network, median of 3"] == pytest.approx(150.0)
    assert figures["bare network, batch 16, median of 3"] == 40.0
    assert figures["throughput at concurrency 16, median of 3"] == 20.0
    assert figures["processor time a forecast, worker, median of 3"] == 70.0


def test_processor_time_that_nobody_tells_is_not_known() -> None:
    """Not zero, and the rates stand."""
    figures = {
        figure.name: figure.value for figure in _rates([Round(40.0, 10.0, 20.0, {"w": None})])
    }
    assert figures["processor time a forecast, w, median of 1"] is None
    assert figures["share of the bare network, median of 1"] == pytest.approx(50.0)
