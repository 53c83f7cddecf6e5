"""What is trained: a preset, another member of the family, or what a file of JSON names."""

import json
from dataclasses import replace
from math import inf, nan

import pytest
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ModelError
from echocast.model.network.config import FAMILIES, PAPER, PRESETS, RADAR_SMALL
from echocast.model.training.config import LIMITS, WHOLE, TrainingConfig
from echocast.model.training.run import Run
from tests.model.training.training_windows import stored

SMALL = {
    "paper": replace(PAPER, hidden_channels=4, kernel=3, layers=2),
    "radar-small": replace(RADAR_SMALL, hidden_channels=4, layers=2, control_widths=(4,)),
}


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    stored(folder)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, network in SMALL.items():
        monkeypatch.setitem(PRESETS, name, network)


def train(windows, run, *options):
    words = ["train", "network", windows, "--output", run, "--steps", 1, "--batch", 1, *options]
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("preset", SMALL)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_member_of_the_family_trains_with_any_preset(windows, tmp_path, preset, family):
    done = train(windows, tmp_path / "run", "--preset", preset, "--family", family)
    assert done.exit_code == 0, done.output
    run = Run.open(tmp_path / "run")
    assert (run.step, run.config.network) == (1, replace(SMALL[preset], family=family))


def test_what_a_file_names_goes_before_options(windows, tmp_path):
    file = tmp_path / "training.json"
    named = {"network": {"family": "predrnn"}, "sampling": {"forecasts": 0.5}, "batch": 2}
    file.write_text(json.dumps(named))
    done = train(windows, tmp_path / "run", "--preset", "paper", "--config", file)
    assert done.exit_code == 0, done.output
    config = Run.open(tmp_path / "run").config
    assert config.network == replace(SMALL["paper"], family="predrnn")
    assert (config.batch, config.steps) == (2, 1)
    assert (config.sampling.forecasts, config.sampling.until) == (0.5, 0.625)


def test_the_configuration_of_a_run_trains_the_same_again(windows, tmp_path):
    assert train(windows, tmp_path / "one", "--family", "convlstm").exit_code == 0
    config, file = Run.open(tmp_path / "one").config, tmp_path / "training.json"
    file.write_text(json.dumps(config.to_json()))
    done = train(windows, tmp_path / "two", "--preset", "paper", "--config", file)
    assert done.exit_code == 0, done.output
    assert Run.open(tmp_path / "two").config == config


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '{"stepps": 3}',
        '{"steps": 0}',
        '{"steps": "3"}',
        '{"steps": 2.5}',
        '{"batch": true}',
        '{"peak_rate": NaN}',
        '{"shares": 3}',
        '{"shares": {"storm1": -1}}',
        '{"network": {"family": "lstm"}}',
        '{"network": 3}',
        '{"warm_start": "another"}',
        None,
    ],
)
def test_a_file_that_is_no_configuration_is_refused_in_a_sentence(windows, tmp_path, text):
    file = tmp_path / "training.json"
    if text is not None:
        file.write_text(text)
    done = train(windows, tmp_path / "run", "--config", file)
    assert done.exit_code != 0
    assert f"{file} is no configuration" in str(done.exception) or "--warm-start" in str(
        done.exception
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--family", "lstm"], "A family is one of mim"),
        (["--preset", "radar-control", "--family", "mim"], "A control is no member"),
    ],
)
def test_a_family_that_cannot_be_is_refused(windows, tmp_path, options, sentence):
    done = train(windows, tmp_path / "run", *options)
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())


@pytest.mark.parametrize(("name", "limits"), LIMITS.items(), ids=LIMITS)
def test_a_training_keeps_to_its_limits(name, limits):
    whole = name in WHOLE
    beyond = [edge for edge in (limits[0] - 1, limits[1] + 1) if edge != inf]
    for value in (*(int(v) if whole else v for v in beyond), "1", True, nan, inf):
        with pytest.raises(ModelError, match=f"{name!r} of a training"):
            TrainingConfig(PAPER, **{name: value})


@pytest.mark.parametrize(
    "options", [["--steps", "0"], ["--batch", "0"], ["--peak-rate", "-1"], ["--balance", "1.5"]]
)
def test_an_option_beyond_a_limit_is_refused(windows, tmp_path, options):
    done = train(windows, tmp_path / "run", *options)
    assert done.exit_code == 2
    assert f"'{options[0]}'" in done.output
    assert not (tmp_path / "run").exists()
