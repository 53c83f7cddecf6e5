"""The harness: real counts of made-up weather; the table of scenarios holds, in a few seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from echocast.model.drift.blocks import Block
from echocast.model.errors import ModelError
from echocast.model.verification.counts import CANARY, MODEL
from experiments.drift_simulation import commands, forecaster, months
from experiments.drift_simulation.__main__ import app
from experiments.drift_simulation.forecaster import Forecaster, train
from experiments.drift_simulation.outcomes import Outcome, false_alarms_a_month, outcomes, summaries
from experiments.drift_simulation.scenarios import (
    FIRST_MODEL,
    MODELS,
    SCENARIOS,
    STEPS_A_DAY,
    cluttered,
    recalibrated,
)
from experiments.drift_simulation.weather import SIDE, Weather, weather

SHORT = ("nothing", "worse-model", "clutter", "missing-frames")


@pytest.fixture(scope="module")
def models() -> dict[str, Forecaster]:
    return {name: train(*MODELS[name]) for name in (FIRST_MODEL, "worse")}


@pytest.fixture(scope="module")
def results(models: dict[str, Forecaster]) -> list[Outcome]:
    """One seed: a month as usual, then eight days of each scenario."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SHORT:
            patch.setitem(months.SCENARIOS, name, replace(SCENARIOS[name], days=8))
        patch.setitem(months.SCENARIOS, "nothing", replace(SCENARIOS["nothing"], days=30))
        return list(outcomes(3, dict(months.months(3, models, SHORT))))


def test_alerts_fire_where_they_should_and_not_elsewhere(results: list[Outcome]) -> None:
    of = [row for row in summaries(results) if row.scenario in SHORT]
    assert len(of) == 4 * len(SHORT)
    assert [row for row in of if not row.as_it_should] == []
    assert sum(false_alarms_a_month(results).values()) == 0


def test_the_page_tells_delays_and_false_alarms(results: list[Outcome], tmp_path: Path) -> None:
    commands.write(tmp_path, results)
    text = (tmp_path / "drift-simulation.md").read_text()
    assert "| worse-model |" in text
    assert "False alarms in a month" in text
    assert "**!** |" not in text
    page = json.loads((tmp_path / "drift-simulation.json").read_text())
    assert page["seeds"] == [3]
    assert (tmp_path / "drift-simulation.png").stat().st_size < 200_000


def test_the_same_seed_gives_the_same_weather() -> None:
    first, again, other = (
        np.stack([moment.rain_dbz for moment in weather(seed, 6)]) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_months_are_counted_anew_exactly_alike(models: dict[str, Forecaster]) -> None:
    def day() -> Iterator[Block]:
        moments = months.sky(Weather(5), replace(SCENARIOS["nothing"], days=1))
        return months.Stream(5, models[FIRST_MODEL]).blocks(moments, SCENARIOS["nothing"], models)

    blocks = list(day())
    assert list(day()) == blocks
    assert len(blocks) == 4
    assert all(block.received == block.expected == STEPS_A_DAY // 4 for block in blocks)
    assert all(block.table(MODEL, 30) == block.table(CANARY, 30) for block in blocks)


def test_the_model_beats_decoded_extrapolation_and_the_worse_one_less(
    models: dict[str, Forecaster],
) -> None:
    moments = months.sky(Weather(6), replace(SCENARIOS["nothing"], days=10))
    scenario = replace(SCENARIOS["nothing"], model="worse")
    stream = months.Stream(6, models[FIRST_MODEL])
    blocks = list(stream.blocks(moments, scenario, models))
    csi = {
        method: sum((b.table(method, 30) for b in blocks[1:]), blocks[0].table(method, 30))
        for method in (MODEL, CANARY, "decoded_extrapolation", "persistence")
    }
    scores = {method: table.critical_success_index for method, table in csi.items()}
    assert scores[CANARY] > scores[MODEL] + 0.005
    assert scores[CANARY] > scores["decoded_extrapolation"] > scores["persistence"]


def test_faults_of_the_radar() -> None:
    random = np.random.default_rng(1)
    rain = np.zeros((SIDE, SIDE), np.float32)
    rain[:8] = 20
    stronger = recalibrated(rain, random)
    assert set(np.unique(stronger)) == {0.0, 23.0}
    hills = cluttered(rain, random)
    assert (hills >= rain).all()
    assert 0.01 < np.mean(hills[8:] > 0) < 0.05


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(ModelError, match="'flood' is none of them"):
        commands.checked(["flood"])


def test_a_simulation_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(SCENARIOS["nothing"], days=1)
    monkeypatch.setitem(months.SCENARIOS, "nothing", short)
    monkeypatch.setattr(forecaster, "TRAINING_STEPS", 60)
    arguments = [str(tmp_path), "--seeds", "1", "--scenario", "nothing", "--json"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output

    def never(*_: object) -> Iterator[tuple[str, list[Block]]]:
        raise AssertionError("made again")

    monkeypatch.setattr(commands, "months", never)
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0, again.output
    assert again.stdout == first.stdout
    assert json.loads(first.stdout)["seeds"] == [0]
